// Active exceptions: add one with an expiry and a reason, end one before its time.
import { call, path, read } from "./api.js";
import { denials } from "./denials.js";
import { askReason } from "./dialogs.js";
import { button, choice, element, field, panel } from "./elements.js";
import { operatorForm } from "./form.js";
import { time } from "./format.js";
import { Table } from "./table.js";

const KINDS = ["account", "network", "asn", "organisation"].map((kind) => [kind, kind]);

export async function show(context) {
    const table = new Table(
        "Active exceptions",
        [
            { title: "Kind", value: (row) => row.kind, cell: (row) => row.kind },
            { title: "Value", value: (row) => row.value, cell: (row) => element("span", { class: "clip" }, row.value) },
            {
                title: "Reason",
                value: (row) => row.reason,
                cell: (row) => element("span", { class: "clip" }, row.reason),
            },
            { title: "By", value: (row) => row.by, cell: (row) => row.by },
            { title: "Limits", cell: limits },
            { title: "Ends", value: (row) => row.expires, cell: (row) => time(row.expires) },
            {
                title: element("span", { class: "hidden" }, "Actions"),
                cell: (row) =>
                    context.may("operator")
                        ? button("End", () => end(context, row, refresh), {
                              "aria-label": `End the exception for ${row.kind} ${row.value}`,
                          })
                        : "",
            },
        ],
        {
            words: (row) => `${row.kind} ${row.value} ${row.reason} ${row.by}`,
            sorted: [5, false],
            empty: "no active exceptions",
        },
    );
    const refresh = async () =>
        table.set((await read(path(["allow"], { tenant: context.tenant }), context.signal)).allow);
    await refresh();
    return [
        table.node,
        panel("Add a temporary exception", allowForm(context, {}, refresh)),
        await denials(context),
    ];
}

function limits({ within_limits: within, times }) {
    if (!within) return "none";
    return times === 1 ? "own limits apply" : `${times} times its own limits`;
}

async function end(context, row, refresh) {
    const reason = await askReason(`End the exception for ${row.kind} ${row.value}`, "End exception");
    if (reason === null) return;
    try {
        await call("DELETE", path(["allow", row.id], { tenant: context.tenant, reason }));
        await refresh();
        context.say(`ended: ${row.kind} ${row.value}`);
    } catch (error) {
        context.say(error.message);
    }
}

/** The form for a new one; `known` has what is decided already. */
export function allowForm(context, known, done = async () => {}) {
    const kind = choice(KINDS, known.kind ?? "account", { disabled: Boolean(known.kind) });
    const value = element("input", {
        type: "text",
        required: true,
        maxlength: 256,
        size: 28,
        value: known.value ?? "",
        readonly: Boolean(known.value),
    });
    const days = element("input", { type: "number", min: 0.01, max: 366, step: "any", value: 7, required: true });
    const reason = element("input", { type: "text", required: true, maxlength: 1024, size: 32 });
    const within = element("input", { type: "checkbox" });
    const send = async () => {
        const body = {
            kind: kind.value,
            value: value.value,
            expires_in: days.value * 86400,
            reason: reason.value,
            within_limits: within.checked,
        };
        const { value: made } = await call("POST", path(["allow"], { tenant: context.tenant }), { body });
        reason.value = "";
        if (!known.value) value.value = "";
        await done();
        return [`in force: ${body.kind} ${body.value}`, ...made.warnings].join("; warning: ");
    };
    return operatorForm(
        context,
        send,
        field("Kind", kind),
        field("Value", value),
        field("Days", days),
        field("Reason", reason),
        field("Keep the account's own limits", within),
        element("button", { class: "main" }, "Let through"),
    );
}
