#include "front/texts.h"

static const struct page_text texts[PAGE_END] = {
    [PAGE_CONNECTED] =
        {200, MOOD_OK, "connected", "{app} is connected",
         "{app} can now work with your HubSpot account.",
         "You can close this window. You can end the connection at any time "
         "in HubSpot, in your settings under Integrations, Connected Apps."},
    [PAGE_CANCELLED] =
        {200, MOOD_WARN, "cancelled", "{app} was not connected",
         "You chose not to give {app} access to your HubSpot account. Nothing "
         "in the account was changed.",
         "If that was not what you wanted, try again, and allow access when "
         "HubSpot asks."},
    [PAGE_FAILED] =
        {400, MOOD_STOP, "failed", "{app} could not be connected",
         "HubSpot did not let the connection be finished.",
         "Try again. If it fails once more, ask the people who make {app}, "
         "and give them the reference below."},
    [PAGE_EXPIRED] =
        {410, MOOD_WARN, "expired", "This took too long",
         "To keep your account safe, a connection must be finished within 10 "
         "minutes. {app} was not connected.",
         "Try again. It takes less than a minute."},
    [PAGE_WRONG_ACCOUNT] =
        {403, MOOD_STOP, "wrong-account", "That was another HubSpot account",
         "This link connects {app} to one particular HubSpot account, and you "
         "chose a different one. Neither account was connected.",
         "Try again and choose the account that the link was made for. If "
         "HubSpot does not offer it, sign out of HubSpot first."},
    [PAGE_MISSING_SCOPES] =
        {200, MOOD_WARN, "missing-scopes",
         "{app} is connected, but not everything will work",
         "Your HubSpot account granted only some of the permissions that "
         "{app} asked for. What needs the others will not work.",
         "Often the account's HubSpot subscription does not include them, or "
         "your own user may not grant them. A Super Admin of the account can "
         "check both and connect again."},
    [PAGE_ALREADY_CONNECTED] =
        {409, MOOD_STOP, "already-connected",
         "This HubSpot account is already connected",
         "{app} already works with this HubSpot account, under another "
         "sign-in. That connection was left as it is.",
         "If it should be yours, ask the people who make {app} to move it, "
         "and give them the reference below."},
    [PAGE_OTHER_BROWSER] =
        {403, MOOD_STOP, "other-browser", "Please finish where you began",
         "We cannot tell that it was you who started this. Either it began "
         "in another browser or in a private window, or this browser does "
         "not keep cookies for this site.",
         "Start again from {app}, stay in one browser, and allow cookies for "
         "this site."},
    [PAGE_LINK_INVALID] =
        {410, MOOD_STOP, "link-invalid", "This link no longer works",
         "A link to connect {app} works for 24 hours, and until a connection "
         "has been made with it. Perhaps a part of it is missing, too.",
         "Go back to {app} and ask for a new link."},
    [PAGE_STATE_INVALID] =
        {400, MOOD_STOP, "state-invalid", "Something got lost on the way back",
         "HubSpot sent you here with an address that is incomplete or was "
         "changed. {app} was not connected.",
         "Go back to {app} and start again from there."},
    [PAGE_UNKNOWN_APP] =
        {404, MOOD_STOP, "unknown-app", "There is no such app here",
         "The address names an app that this service does not know.",
         "Check the address, or ask whoever gave it to you for a new one."},
    [PAGE_BUSY] = {503, MOOD_WARN, "busy", "Please try again in a moment",
                   "We could not finish this just now. Nothing was lost.",
                   "Wait a few seconds, then try again.", true},
    [PAGE_HUBSPOT_AWAY] =
        {502, MOOD_WARN, "hubspot-away", "HubSpot does not answer",
         "{app} could not be connected, because HubSpot cannot be reached or "
         "has trouble of its own. It is nothing that you did.",
         "Wait a minute, then try again. If HubSpot stays away, try later: "
         "{app} cannot be connected without it."},
    [PAGE_HUBSPOT_PATIENCE] =
        {503, MOOD_WARN, "hubspot-patience", "HubSpot asks for patience",
         "{app} could not be connected just now, because HubSpot has more to "
         "do than it can. It is nothing that you did.",
         "Wait a minute, then try again."},
    [PAGE_NOT_FOUND] = {404, MOOD_STOP, "not-found", "There is nothing here",
                        "This address leads nowhere.",
                        "Check it, or go back to where you came from."},
    [PAGE_METHOD] = {405, MOOD_STOP, "method", "That cannot be done here",
                     "This address can be looked at, and nothing else.",
                     "Go back to where you came from."},
    [PAGE_BAD_REQUEST] =
        {400, MOOD_STOP, "bad-request", "This could not be read",
         "Your browser, or something on the way, sent a request that makes no "
         "sense to us.",
         "Go back to where you came from and start again from there."},
    [PAGE_TOO_LARGE] =
        {431, MOOD_STOP, "too-large", "That is too much",
         "The request is larger than anything this service needs.",
         "Delete the cookies of this site in your browser, go back to where "
         "you came from, and start again from there."},
    [PAGE_TOO_SLOW] = {408, MOOD_WARN, "too-slow", "The request did not arrive",
                       "It took too long to come, or a part of it got lost.",
                       "Check your connection, then try again.", true},
    [PAGE_BROKEN] = {500, MOOD_STOP, "broken", "Something went wrong",
                     "This is our fault, not yours.",
                     "Wait a minute, then try again.", true},
};

const struct page_text *
texts_of(uint32_t page)
{
    bool is_known = page < PAGE_END && texts[page].title != NULL;
    return &texts[is_known ? page : PAGE_BROKEN];
}

uint32_t
texts_page_of_status(unsigned status)
{
    static const struct {
        unsigned status;
        uint32_t page;
    } rows[] = {
        {400, PAGE_BAD_REQUEST}, {408, PAGE_TOO_SLOW},  {413, PAGE_TOO_LARGE},
        {414, PAGE_TOO_LARGE},   {431, PAGE_TOO_LARGE}, {503, PAGE_BUSY},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].status == status)
            return rows[i].page;
    return PAGE_BROKEN;
}
