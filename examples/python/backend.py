# The backend of an app beside portkeep, for Python 3.9 and later: ../README.md
import base64, hashlib, hmac, json, os, time
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

PORT = int(os.environ["PORT"])
SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
portals = {}  # tenant -> portal: a table of your database


def portkeep(method, path, body=None):
    request = Request(os.environ["PORTKEEP_URL"] + path, method=method, data=body and json.dumps(body).encode(),
                      headers={"Authorization": "Bearer " + os.environ["PORTKEEP_KEY"], "Content-Type": "application/json"})
    with urlopen(request) as answer:
        return json.load(answer)


def is_from_portkeep(headers, body):  # Standard Webhooks
    sent, stamp, given = (headers.get("webhook-" + name, "") for name in ("id", "timestamp", "signature"))
    mac = hmac.new(SECRET, f"{sent}.{stamp}.".encode() + body, hashlib.sha256).digest()
    wanted = b"v1," + base64.b64encode(mac)
    return (stamp.isdecimal() and abs(time.time() - int(stamp)) <= 300
            and any(hmac.compare_digest(wanted, one.encode()) for one in given.split(" ")))


def take(event):  # at least once: the same id may come again
    if event["type"] == "hubspot.event":
        print(f"{event['id']}: {event['event']['subscriptionType']} in {event['portal']}", flush=True)
    if event["type"] in ("portal.uninstalled", "portal.erased"):
        for tenant in [tenant for tenant, portal in portals.items() if portal == event["portal"]]:
            portals.pop(tenant, None)


class Backend(BaseHTTPRequestHandler):
    def answer(self, status, text="", **headers):
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", "Content-Length": len(text.encode()), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/hubspot/events":
            return self.answer(404, "not found")
        if not is_from_portkeep(self.headers, body):
            return self.answer(401, "wrong signature")
        one = json.loads(body)
        for event in one.get("events", [one]):
            take(event)
        self.answer(200)

    def do_GET(self):  # For signed-in people.  Put your own sign-in here: anybody can write this cookie.
        cookie, url = SimpleCookie(self.headers.get("Cookie", "")).get("tenant"), urlsplit(self.path)
        if not cookie:
            return self.answer(401, "please sign in")
        tenant = cookie.value
        if url.path == "/":
            return self.answer(200, '<a href="/connect">Connect with HubSpot</a>')
        if url.path == "/connect":  # the link's end is the page below, for this tenant alone
            link = portkeep("POST", "/v1/apps/crm-sync/connect-sessions",
                            {"ref": tenant, "return_to": f"http://localhost:{PORT}/connected/{tenant}"})
            return self.answer(303, Location=link["url"])
        if url.path == f"/connected/{tenant}":  # somebody else's link must not connect this account
            code = parse_qs(url.query)["connect"][0]
            portals[tenant] = portkeep("POST", "/v1/apps/crm-sync/connect-results", {"code": code})["portal"]
            return self.answer(303, Location="/contacts")
        if url.path != "/contacts" or tenant not in portals:
            return self.answer(404, "not found")
        contacts = portkeep("GET", f"/hubspot/crm-sync/{portals[tenant]}/crm/v3/objects/contacts")
        self.answer(200, json.dumps(contacts), Content_Type="application/json")


ThreadingHTTPServer(("127.0.0.1", PORT), Backend).serve_forever()
