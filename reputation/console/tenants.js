// Every tenant that the token may see.
import { path, read } from "./api.js";
import { anchor } from "./elements.js";
import { number, percent } from "./format.js";
import { to } from "./route.js";
import { Table } from "./table.js";

// What newcomers were let through in the last 24 hours, of how much; in a surge, what they have in common.
function together(found) {
    const words = found.setting === "cap" ? "cap: " : "";
    if (found.amount === undefined) return `${words}not known yet`;
    const amounts = `${words}${number(found.taken)} of ${number(found.amount)} a day`;
    if (found.since === null) return found.usual === null ? `${amounts} (usual share not known yet)` : amounts;
    const common = found.common.map((one) => `${one.value} (${percent(one.share)})`).join(", ");
    return `${amounts}, surge${common ? `: ${common}` : ""}`;
}

export async function show(context) {
    const table = new Table(
        "Tenants",
        [
            { title: "Tenant", value: (row) => row.name, cell: (row) => anchor(to(row.name, "tuning"), row.name) },
            { title: "Preset", value: (row) => row.preset, cell: (row) => row.preset },
            { title: "Mode", value: (row) => row.mode, cell: (row) => row.mode },
            {
                title: "Tuned by",
                value: (row) => row.owner,
                cell: (row) => (row.owner === "api" ? "the API" : "the configuration file"),
            },
            { title: "Live revision", numeric: true, value: (row) => row.revision, cell: (row) => row.revision },
            { title: "On trial", numeric: true, value: (row) => row.candidate, cell: (row) => row.candidate ?? "" },
            {
                title: "Stage",
                value: (row) => row.stage,
                cell: (row) => (row.stage === "canary" ? `canary ${number(row.percent)}%` : row.stage),
            },
            {
                title: "Newcomer's day",
                value: (row) => Math.max(0, ...Object.values(row.newcomers).map((one) => one.day)),
                cell: (row) => Object.entries(row.newcomers).map(([plan, one]) => `${plan} ${number(one.day)}`).join(", "),
            },
            {
                title: "Newcomers together",
                value: (row) => (row.together.taken ?? 0) / (row.together.amount ?? 1),
                cell: (row) => together(row.together),
            },
        ],
        { words: (row) => row.name, kept: true },
    );
    table.set((await read(path(["tenants"]), context.signal)).tenants);
    return table.node;
}
