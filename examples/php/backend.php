<?php // The backend of an app beside portkeep, for PHP 8: ../README.md
declare(strict_types=1);
$store = getenv('STORE') ?: sys_get_temp_dir() . '/portals.json'; // tenant -> portal: a table of your database
$portals = is_file($store) ? json_decode(file_get_contents($store), true) : [];

function portkeep(string $method, string $path, ?array $body = null): array {
    $answer = file_get_contents(getenv('PORTKEEP_URL') . $path, false, stream_context_create(['http' => [
        'method' => $method, 'content' => $body ? json_encode($body) : '',
        'header' => ['Authorization: Bearer ' . getenv('PORTKEEP_KEY'), 'Content-Type: application/json']]]));
    return $answer === false ? answer(502, 'try again') : json_decode($answer, true);
}
function answer(int $status, string $text = '', string ...$headers): never {
    http_response_code($status);
    array_map('header', $headers);
    exit($text);
}
function is_from_portkeep(string $body): bool { // Standard Webhooks
    [$id, $time, $given] = array_map(fn($name) => $_SERVER["HTTP_WEBHOOK_$name"] ?? '', ['ID', 'TIMESTAMP', 'SIGNATURE']);
    $secret = base64_decode(str_replace('whsec_', '', getenv('WEBHOOK_SECRET')));
    $wanted = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $secret, true));
    return ctype_digit($time) && abs(time() - (int) $time) <= 300
        && array_filter(explode(' ', $given), fn($one) => hash_equals($wanted, $one)) !== [];
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ("$_SERVER[REQUEST_METHOD] $path" === 'POST /hubspot/events') {
    $body = file_get_contents('php://input');
    if (!is_from_portkeep($body)) answer(401, 'wrong signature');
    $one = json_decode($body, true);
    foreach ($one['events'] ?? [$one] as $event) { // at least once: the same id may come again
        if ($event['type'] === 'hubspot.event')
            error_log("$event[id]: {$event['event']['subscriptionType']} in $event[portal]");
        if (in_array($event['type'], ['portal.uninstalled', 'portal.erased'], true))
            $portals = array_filter($portals, fn($portal) => $portal !== $event['portal']);
    }
    file_put_contents($store, json_encode($portals));
    answer(204);
}
// All else is for signed-in people.  Put your own sign-in here: anybody can write this cookie.
$tenant = $_COOKIE['tenant'] ?? answer(401, 'please sign in');
if ($path === '/') answer(200, '<a href="/connect">Connect with HubSpot</a>');
if ($path === '/connect') { // the link's end is the page below, for this tenant alone
    $link = portkeep('POST', '/v1/apps/crm-sync/connect-sessions',
        ['ref' => $tenant, 'return_to' => 'http://localhost:' . getenv('PORT') . "/connected/$tenant"]);
    answer(303, '', "Location: $link[url]");
}
if ($path === "/connected/$tenant") { // somebody else's link must not connect this account
    $result = portkeep('POST', '/v1/apps/crm-sync/connect-results', ['code' => $_GET['connect'] ?? '']);
    file_put_contents($store, json_encode([$tenant => $result['portal']] + $portals));
    answer(303, '', 'Location: /contacts');
}
if ($path !== '/contacts' || !isset($portals[$tenant])) answer(404, 'not found');
$contacts = portkeep('GET', "/hubspot/crm-sync/$portals[$tenant]/crm/v3/objects/contacts");
answer(200, json_encode($contacts), 'Content-Type: application/json');
