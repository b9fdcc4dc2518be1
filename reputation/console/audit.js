// Who changed what, when and why; the newest first. What is looked for is in the address.
import { path, read } from "./api.js";
import { anchor, button, choice, element, field } from "./elements.js";
import { time } from "./format.js";
import { keep } from "./route.js";
import { Table } from "./table.js";

const AT_A_TIME = 200;
const AUTHORS = [
    ["people", "people"],
    ["programs", "programs (facts, outcomes)"],
    ["all", "all"],
];
const VIA = { proxy: "by the proxy", oidc: "by OpenID Connect", token: "by a token", local: "from this machine" };

export async function show(context) {
    const table = new Table("Audit log", columns(), { words: wordsOf, kept: true });
    const filters = filtersOf(context.chosen);
    let rows = [];
    let turn = 0;
    const told = (error) => error.name !== "AbortError" && context.say(error.message);
    const older = button("Older entries", () => more().catch(told));
    const file = anchor("", "Export as JSON lines");
    file.setAttribute("download", "");
    const more = async () => {
        const mine = turn;
        const query = { tenant: context.tenant, limit: AT_A_TIME, before: rows.at(-1)?.id, ...filters.query() };
        const { entries } = await read(path(["audit"], query), context.signal);
        if (mine !== turn) return;
        rows = [...rows, ...entries];
        older.disabled = entries.length < AT_A_TIME;
        table.set(rows);
    };
    const begin = async () => {
        turn += 1;
        rows = [];
        file.href = new URL(
            `..${path(["audit", "file"], { tenant: context.tenant, ...filters.query() })}`,
            location.href.split("#")[0],
        );
        await more();
    };
    const changed = () => {
        keep(filters.kept());
        begin().catch(told);
    };
    for (const control of filters.controls) control.addEventListener("change", changed);
    await begin();
    return [filters.node, table.node, element("p", { class: "line" }, older, file)];
}

/** The controls of who, what, when and whose, with what the address asks for. */
function filtersOf(chosen) {
    const text = (value, words) => element("input", { type: "search", size: 16, placeholder: words, value });
    const [who, what, account] = [
        text(chosen.who, "any"),
        text(chosen.what, "any, as allow.add or allow"),
        text(chosen.account, "any"),
    ];
    const by = choice(AUTHORS, chosen.by ?? "people");
    const [since, until] = [chosen.since, chosen.until].map((at) =>
        element("input", { type: "datetime-local", value: at && local(Number(at)) }),
    );
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const seconds = (control) => (control.value ? new Date(control.value).getTime() / 1000 : "");
    const kept = () => ({
        who: who.value.trim(),
        what: what.value.trim(),
        account: account.value.trim(),
        by: by.value === "people" ? "" : by.value,
        since: seconds(since),
        until: seconds(until),
    });
    const node = element(
        "div",
        { class: "line" },
        field("Changes by", by),
        field("Who", who),
        field("What", what),
        field("Account", account),
        field(`From (${zone})`, since),
        field(`Until (${zone})`, until),
    );
    const query = () => ({ ...kept(), by: by.value === "all" ? "" : by.value });
    return { node, kept, query, controls: [by, who, what, account, since, until] };
}

/** Seconds since 1970 as a control for a local time writes them. */
function local(seconds) {
    if (!Number.isFinite(seconds)) return "";
    const at = new Date(seconds * 1000);
    return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function columns() {
    const clipped = (words) => element("span", { class: "clip" }, words ?? "");
    return [
        { title: "Time", value: (row) => row.id, cell: (row) => time(row.at) },
        { title: "Who", value: (row) => row.who, cell: author },
        { title: "What", value: (row) => row.what, cell: (row) => row.what },
        { title: "Kind", value: (row) => row.subject, cell: (row) => clipped(row.subject) },
        { title: "Why", value: (row) => row.why, cell: (row) => clipped(row.why) },
        { title: "Changes", cell: change },
    ];
}

const wordsOf = (row) => `${row.who} ${row.what} ${row.subject ?? ""} ${row.why ?? ""}`;

/** The author, with role, way and tenants of the time. */
function author({ who, role, via, bound = [] }) {
    if (!role) return who;
    const tenants = bound.length ? `for ${bound.join(", ")}` : "for all tenants";
    return element("span", { title: `${VIA[via] ?? via}, ${tenants}` }, `${who} (${role})`);
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
