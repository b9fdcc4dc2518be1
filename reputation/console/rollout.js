// Which revision is in force and on trial, and the next step: shadow, a share of the accounts, all of them, back.
import { call, path } from "./api.js";
import { anchor, choice, element, field, figures, fill } from "./elements.js";
import { number, tier, TIERS } from "./format.js";
import { Table } from "./table.js";

const STEPS = [
    ["shadow", "shadow: score alongside the live revision"],
    ["percent", "promote to a share of the accounts"],
    ["promote", "promote to every account"],
    ["rollback", "roll back: end the trial, or else return to the previous revision"],
    ["stop", "stop the trial"],
];

/** Why nothing can be written here, or null. */
export function refusal(context, tenant) {
    if (tenant.owner !== "api")
        return "The configuration file owns this tenant. To tune it here, set `owner: api` in the file.";
    return context.may("admin") ? null : "You need the role admin.";
}

/** What is live and on trial, with what the trial has counted so far; `set` keeps the open table. */
export class Standing {
    constructor(context) {
        this.figures = element("div");
        this.payers = new Table(
            "Payers with a stricter tier in the trial",
            [
                {
                    title: "Account",
                    cell: (row) =>
                        anchor(context.link("accounts", row.account), element("span", { class: "clip" }, row.account)),
                },
                { title: "Live", value: (row) => TIERS.indexOf(row.before), cell: (row) => tier(row.before) },
                { title: "Trial", value: (row) => TIERS.indexOf(row.after), cell: (row) => tier(row.after) },
            ],
            { size: 10, words: (row) => row.account },
        );
        this.harm = element(
            "section",
            { class: "harm", hidden: true, "aria-label": "Payers with a stricter tier in the trial" },
            element("h3", {}, "Payers with a stricter tier in the trial"),
            this.payers.node,
        );
        this.node = element("div", {}, this.figures, this.harm);
    }

    set(tenant) {
        const { trial, rollout } = tenant;
        fill(
            this.figures,
            figures(counted(tenant)),
            rollout.stopped
                ? element("p", { class: "danger" }, `The last trial was stopped automatically: ${rollout.stopped}`)
                : null,
        );
        this.harm.hidden = !trial?.payers.length;
        this.payers.set(trial?.payers ?? []);
    }
}

function counted(tenant) {
    const { trial } = tenant;
    const stage =
        tenant.candidate === null
            ? "none"
            : `${tenant.candidate}: ${tenant.stage}${tenant.stage === "canary" ? `, ${number(tenant.percent)}% of accounts` : ""}`;
    return [
        ["live revision", element("span", { id: "live" }, tenant.revision)],
        ["on trial", element("span", { id: "trial" }, stage)],
        ["preset", tenant.preset],
        ["mode", tenant.mode],
        ["tuned by", tenant.owner === "api" ? "the API" : "its file"],
        ...(trial
            ? [
                  ["checks scored", element("span", { id: "scored" }, number(trial.scored))],
                  ["checks moved", number(trial.moved.reduce((sum, row) => sum + row.checks, 0))],
                  [
                      "payers tightened",
                      element(
                          "strong",
                          { class: trial.payers_tightened ? "danger" : "" },
                          number(trial.payers_tightened),
                      ),
                  ],
              ]
            : []),
    ];
}

/**
 * The form for a step from the state that `etag` names. numbers: revisions, newest first, of which `chosen` is offered;
 * words: a reason that was typed already; `own` carries out a change of this page's own, and `done` shows it.
 */
export function stepForm(context, tenant, { numbers, chosen, etag, words, own, done }) {
    const why = refusal(context, tenant);
    const step = choice(
        STEPS,
        tenant.stage === "shadow" ? "percent" : tenant.stage === "canary" ? "promote" : "shadow",
        { id: "step" },
    );
    const revision = choice(
        numbers.map((n) => [n, n]),
        chosen ?? tenant.candidate ?? numbers[0],
        { id: "revision" },
    );
    const share = element("input", { id: "percent", type: "number", min: 0.01, max: 99.99, step: "any", value: 10 });
    const most = element("input", { id: "most", type: "number", min: 0, max: 1000000, value: 0 });
    const reason = element("input", {
        id: "step-reason",
        type: "text",
        required: true,
        maxlength: 1024,
        size: 32,
        value: words,
    });
    const fields = [
        field("Step", step),
        field("Revision", revision),
        field("Percent", share),
        field("Most payers tightened", most),
        field("Reason", reason),
    ];
    const fit = () => {
        const needed = { 1: ["shadow", "percent", "promote"], 2: ["percent"], 3: ["percent"] };
        for (const [i, steps] of Object.entries(needed)) fields[i].hidden = !steps.includes(step.value);
    };
    step.addEventListener("change", fit);
    fit();
    const fault = element("p", { role: "alert", class: "danger" });
    const send = async (event) => {
        event.preventDefault();
        try {
            await own(async () => {
                await call("POST", path(["tenants", context.tenant, "rollout"]), {
                    etag,
                    body: body(step.value, revision, share, most, reason),
                });
                await done(`${step.value} taken`);
            });
        } catch (error) {
            fill(fault, error.message);
        }
    };
    return element(
        "form",
        { id: "step-form", on: { submit: send } },
        element(
            "fieldset",
            { disabled: why !== null },
            element("div", { class: "line" }, fields, element("button", { class: "main" }, "Apply")),
        ),
        fault,
        why ? element("p", { class: "quiet" }, why) : null,
    );
}

function body(step, revision, share, most, reason) {
    const found = { step: step === "percent" ? "promote" : step, reason: reason.value };
    if (["shadow", "percent", "promote"].includes(step)) found.revision = Number(revision.value);
    if (step === "percent")
        Object.assign(found, { percent: Number(share.value), most_payers_tightened: Number(most.value) });
    return found;
}
