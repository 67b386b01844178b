#include "emulator/control.h"

#include "emulator/hubdoc.h"
#include "emulator/refusals.h"

json_t *
control_body(struct call *c)
{
    if (c->body.n == 0 && c->json == NULL)
        c->json = json_object();
    return call_json(c);
}

void
control_answer_done(struct call *c, uint64_t n)
{
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_field_u64(&d, "done", n);
    doc_close(&d, '}');
}

void
do_calls(struct call *c)
{
    struct doc d = call_answer_json(c, 200);
    tally_add_json(&c->world->tally, call_query(c, "path"), &d);
}

void
do_reset(struct call *c)
{
    world_reset(c->world);
    control_answer_done(c, 1);
}

void
do_clock(struct call *c)
{
    json_t *body = control_body(c);
    if (body == NULL)
        return;
    const json_t *advance = json_object_get(body, "advance_s");
    if (!json_is_number(advance)) {
        refuse(c, 400, STR("VALIDATION_ERROR"),
               STR("advance_s must be a number of seconds."));
        return;
    }
    c->world->clock_offset_ms += (int64_t)(json_number_value(advance) * 1000);
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    hubdoc_time(&d, "now", world_now_ms(c->world));
    doc_close(&d, '}');
}

void
do_get_settings(struct call *c)
{
    struct doc d = call_answer_json(c, 200);
    settings_add_json(&c->world->settings, &d);
}

void
do_put_settings(struct call *c)
{
    const char *name = "";
    json_t *body = control_body(c);
    if (body == NULL)
        return;
    enum err e = settings_put(&c->world->settings, body, &name);
    if (e == ERR_OK)
        do_get_settings(c);
    else
        refuse_about(c, 400, STR("VALIDATION_ERROR"),
                     e == ERR_NOT_FOUND ? STR("There is no such setting.")
                                        : STR("This value is out of range."),
                     "name", str_from(name));
}

/* Why the fault cannot be taken; NULL when it can. */
static const char *
read_fault(const json_t *body, struct fault *out)
{
    *out = (struct fault){
        .method = json_text_at(body, "method"),
        .path = json_text_at(body, "path"),
        .nth = json_u64_at(body, "nth", 1),
        .times = json_u64_at(body, "times", 1),
        .status = (unsigned)json_u64_at(body, "status", 500),
        .delay_ms = (uint32_t)json_u64_at(body, "delay_ms", 0),
        .retry_after = (int64_t)json_u64_at(body, "retry_after", UINT64_MAX),
        .type = json_text_at(body, "type"),
        .body = json_text_at(body, "body"),
    };
    if (out->path.n == 0 || out->path.p[0] != '/')
        return "path must begin with a slash.";
    if (!fault_kind_find(json_text_at(body, "do"), &out->kind))
        return "do must be refuse, delay, drop, drop_after, status, garbage, "
               "truncate or html.";
    if (out->nth == 0)
        return "nth counts from 1.";
    if (out->status < 200 || out->status > 599)
        return "status must be a final HTTP status.";
    if (out->kind == FAULT_DELAY && out->delay_ms == 0)
        return "delay needs delay_ms.";
    return NULL;
}

void
do_add_fault(struct call *c)
{
    struct fault model;
    json_t *body = control_body(c);
    if (body == NULL)
        return;
    /* A body given as JSON is meant as JSON. */
    json_t *answer = json_object_get(body, "body");
    if (json_is_object(answer) || json_is_array(answer)) {
        char *text = json_dumps(answer, JSON_COMPACT);
        json_object_set_new(body, "body", json_string(text));
        free(text);
    }
    const char *why = read_fault(body, &model);
    if (why != NULL) {
        refuse(c, 400, STR("VALIDATION_ERROR"), str_from(why));
        return;
    }
    faults_add(&c->world->faults, &model);
    control_answer_done(c, 1);
}

void
do_clear_faults(struct call *c)
{
    size_t n = c->world->faults.n;
    faults_done(&c->world->faults);
    control_answer_done(c, n);
}
