// Who changed what, and why; the newest first.
import { path, read } from "./api.js";
import { button, element } from "./elements.js";
import { time } from "./format.js";
import { Table } from "./table.js";

const AT_A_TIME = 200;

export async function show(context) {
    const table = new Table(
        "Audit log",
        [
            { title: "Time", value: (row) => row.id, cell: (row) => time(row.at) },
            { title: "Who", value: (row) => row.who, cell: (row) => row.who },
            { title: "What", value: (row) => row.what, cell: (row) => row.what },
            {
                title: "Kind",
                value: (row) => row.subject,
                cell: (row) => element("span", { class: "clip" }, row.subject ?? ""),
            },
            { title: "Why", value: (row) => row.why, cell: (row) => element("span", { class: "clip" }, row.why ?? "") },
            { title: "Changes", cell: change },
        ],
        { words: (row) => `${row.who} ${row.what} ${row.subject ?? ""} ${row.why ?? ""}` },
    );
    let rows = [];
    const older = button("Older entries", () => more().catch((error) => context.say(error.message)));
    const more = async () => {
        const query = { tenant: context.tenant, limit: AT_A_TIME, before: rows.at(-1)?.id };
        const { entries } = await read(path(["audit"], query), context.signal);
        rows = [...rows, ...entries];
        older.disabled = entries.length < AT_A_TIME;
        table.set(rows);
    };
    await more();
    return [table.node, element("p", {}, older)];
}

function change({ before = null, after = null, fields = [] }) {
    if (fields.length) return element("span", { class: "clip" }, fields.join(", "));
    if (before === null && after === null) return "";
    return element(
        "details",
        {},
        element("summary", {}, "show"),
        ["before", "after"].map((name) => {
            const value = name === "before" ? before : after;
            return value === null ? null : element("pre", {}, `${name} ${JSON.stringify(value, null, 1)}`);
        }),
    );
}
