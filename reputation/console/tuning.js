// Weights of a tenant: a draft next to its effect on recorded decisions, and the steps that put it in force.
import { call, path, read } from "./api.js";
import { dials } from "./dials.js";
import { Draft } from "./draft.js";
import { Effect } from "./effect.js";
import { button, choice, element, field, fill, panel } from "./elements.js";
import { newest, poll } from "./poll.js";
import { revisionTable } from "./revisions.js";
import { refusal, Standing, stepForm } from "./rollout.js";

const AFTER = 80; // milliseconds of stillness before a replay is asked for

export async function show(context) {
    const page = new Tuning(context);
    await page.load();
    poll(context, 3, () => page.follow());
    return page.node;
}

class Tuning {
    constructor(context) {
        this.context = context;
        this.changing = 0; // changes of this page's own that are not shown yet
        this.turn = 0; // of reading everything: an older one shows nothing after a newer one
        this.effect = new Effect(context);
        this.standing = new Standing(context);
        this.controls = element("div");
        this.step = element("div");
        this.revisions = element("div");
        this.replay = newest(context, AFTER, (signal) => this.effect.ask(this.draft, this.live, signal));
        this.node = element(
            "div",
            {},
            panel("Active revision", this.standing.node),
            element(
                "div",
                { class: "tuning" },
                panel("Draft", this.controls),
                panel("Effect on recorded decisions", this.effect.node),
            ),
            panel("Rollout", this.step),
            panel("Revisions", this.revisions),
        );
    }

    read(...parts) {
        return read(path(["tenants", this.context.tenant, ...parts]), this.context.signal);
    }

    /** Read everything again; `chosen` is the revision that a step is offered for. */
    async load(chosen = null, from = null, words = "") {
        const turn = ++this.turn;
        const { value: tenant, etag } = await call("GET", path(["tenants", this.context.tenant]), {
            signal: this.context.signal,
        });
        const { revisions } = await this.read("revisions");
        const live = await this.read("revisions", tenant.revision);
        if (turn !== this.turn) return;
        this.live = live;
        this.etag = etag;
        this.standing.set(tenant);
        fill(
            this.step,
            stepForm(this.context, tenant, {
                numbers: revisions.map((one) => one.number),
                chosen,
                etag,
                words,
                own: (work) => this.own(work),
                done: async (said) => {
                    await this.load();
                    this.context.say(said);
                },
            }),
        );
        fill(
            this.revisions,
            revisionTable(this.context, tenant, revisions, (number) => this.start(number)),
        );
        this.tenant = tenant;
        if (!this.draft || from !== null) await this.start(from ?? tenant.revision);
        else this.replay();
    }

    /** Carry out a change of this page's own; until it is shown, `follow` takes it for no other person's. */
    async own(work) {
        this.changing += 1;
        try {
            await work();
        } finally {
            this.changing -= 1;
        }
    }

    /** Begin a draft from a revision, or from a preset. */
    async start(from) {
        if (typeof from === "string") {
            const { presets } = await read(path(["presets"]), this.context.signal);
            this.draft = new Draft({
                number: this.tenant.revision,
                settings: { preset: from },
                in_force: presets[from],
            });
        } else {
            this.draft = new Draft(await this.read("revisions", from));
        }
        this.from = from;
        this.draw();
        this.replay();
    }

    draw() {
        const why = refusal(this.context, this.tenant);
        const presets = choice(
            [
                ["", `revision ${this.draft.base.number}`],
                ...["lenient", "balanced", "strict"].map((name) => [name, `preset ${name}`]),
            ],
            typeof this.from === "string" ? this.from : "",
            {
                on: {
                    change: (event) =>
                        this.start(event.target.value || this.draft.base.number).catch((error) =>
                            this.context.say(error.message),
                        ),
                },
            },
        );
        const text = element("textarea", {
            rows: 6,
            spellcheck: "false",
            "aria-label": "The draft's settings as JSON",
        });
        const show = () => {
            text.value = JSON.stringify(this.draft.settings, null, 1);
        };
        const reason = element("input", { type: "text", id: "draft-reason", required: true, maxlength: 1024 });
        const fault = element("p", { role: "alert", class: "danger" });
        show();
        fill(
            this.controls,
            field("From", presets),
            dials(this.draft, () => {
                show();
                this.replay();
            }),
            element(
                "details",
                {},
                element("summary", {}, "All settings"),
                text,
                button("Use settings", () => this.use(text.value, fault)),
            ),
            element(
                "form",
                {
                    on: {
                        submit: (event) => {
                            event.preventDefault();
                            this.own(() => this.keep(reason.value, fault));
                        },
                    },
                },
                element(
                    "fieldset",
                    { disabled: why !== null },
                    field("Reason", reason),
                    element(
                        "p",
                        { class: "buttons" },
                        element("button", { class: "main" }, "Save as a revision"),
                        button("Reset draft", () => this.start(this.from)),
                    ),
                ),
            ),
            fault,
            why ? element("p", { class: "quiet" }, why) : null,
            element("h3", {}, "Changes to the live revision"),
            this.effect.changes,
        );
    }

    use(text, fault) {
        try {
            this.draft.settings = JSON.parse(text);
        } catch (error) {
            fill(fault, `not JSON: ${error.message}`);
            return;
        }
        this.draw();
        this.replay();
    }

    async keep(reason, fault) {
        try {
            const body = { settings: this.draft.settings, reason, parent: this.draft.base.number };
            const { value } = await call("POST", path(["tenants", this.context.tenant, "revisions"]), {
                body,
                etag: this.etag,
            });
            await this.load(value.number, value.number);
            this.context.say(`saved as revision ${value.number}, not active yet`);
        } catch (error) {
            fill(fault, `${error.pointer ?? ""} ${error.message}`);
            if (error.status === 409) await this.load();
        }
    }

    /** What the trial has counted by now; a change by another person is taken up. */
    async follow() {
        const turn = this.turn;
        const { value: tenant, etag } = await call("GET", path(["tenants", this.context.tenant]), {
            signal: this.context.signal,
        });
        if (this.changing || turn !== this.turn) return;
        if (etag === this.etag) {
            this.standing.set(tenant);
            return;
        }
        const { by, reason } = tenant.rollout;
        await this.load(
            this.step.querySelector("#revision").value,
            null,
            this.step.querySelector("#step-reason").value,
        );
        this.context.say(`changed by someone else${by ? ` by ${by}: ${reason}` : ""}`);
    }
}
