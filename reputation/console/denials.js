// The deny list: add a denial after it is said whom it stops, end one; and the rulings in force on clusters.
import { call, path, read } from "./api.js";
import { askConfirmation } from "./dialogs.js";
import { button, choice, element, field, panel } from "./elements.js";
import { operatorForm } from "./form.js";
import { time } from "./format.js";
import { inForce, touched } from "./rulings.js";
import { Table } from "./table.js";

const KINDS = ["account", "network", "asn", "card", "cluster"];

/** Panels for the page of exceptions. */
export async function denials(context) {
    const clip = (text) => element("span", { class: "clip" }, text);
    const table = new Table(
        "Deny list",
        [
            { title: "Kind", value: (row) => row.kind, cell: (row) => row.kind },
            { title: "Value", value: (row) => row.value, cell: (row) => clip(row.value) },
            { title: "Reason", value: (row) => row.reason, cell: (row) => clip(row.reason) },
            { title: "By", value: (row) => row.by, cell: (row) => row.by },
            { title: "Ends", value: (row) => row.expires, cell: (row) => time(row.expires) },
            {
                title: element("span", { class: "hidden" }, "Actions"),
                cell: (row) =>
                    context.may("operator")
                        ? button("End", () => end(context, row), { "aria-label": `End the denial of ${row.kind} ${row.value}` })
                        : "",
            },
        ],
        { words: (row) => `${row.kind} ${row.value} ${row.reason} ${row.by}`, sorted: [4, false], empty: "no denials" },
    );
    const { rulings: kept } = await read(path(["rulings"], { tenant: context.tenant }), context.signal);
    table.set((await read(path(["deny"], { tenant: context.tenant }), context.signal)).deny);
    return [
        table.node,
        panel("Add a denial", denyForm(context)),
        panel("Rulings on clusters", kept.length ? kept.map((one) => inForce(context, one)) : element("p", { class: "quiet" }, "none")),
    ];
}

function denyForm(context) {
    const kind = choice([["", "choose"], ...KINDS.map((one) => [one, one])], "", { required: true });
    const value = element("input", { type: "text", required: true, maxlength: 256, size: 28 });
    const days = element("input", { type: "number", min: 0.01, max: 366, step: "any", value: 7, required: true });
    const send = async () => {
        const body = { kind: kind.value, value: value.value, expires_in: days.value * 86400, reason: "-" };
        const where = path(["deny"], { tenant: context.tenant });
        const { value: dry } = await call("POST", where, { body: { ...body, dry_run: true } });
        const reason = await askConfirmation(`Deny ${dry.kind} ${dry.value}`, {
            words: [`This stops ${touched(dry.reach)}.`, ...dry.warnings].join(" Warning: "),
            reason: "",
            verb: "Deny",
            controls: [],
        });
        if (reason === null) return "nothing was changed";
        await call("POST", where, { body: { ...body, reason } });
        await context.again();
        return `denied: ${dry.kind} ${dry.value}`;
    };
    return operatorForm(context, send, field("What to deny", kind), field("Which one", value), field("Lasts (d)", days), element("button", {}, "See whom it stops"));
}

async function end(context, row) {
    try {
        await call("DELETE", path(["deny", row.id], { tenant: context.tenant, reason: "ended in the console" }));
        await context.again();
        context.say(`ended: ${row.kind} ${row.value}`);
    } catch (error) {
        context.say(error.message);
    }
}
