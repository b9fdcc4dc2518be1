// One account: what can be done about it, where it stands, its history, and who shares its card, device and addresses.
import { actions } from "./actions.js";
import { call, path, read } from "./api.js";
import { askReason } from "./dialogs.js";
import { anchor, button, element, facts, panel } from "./elements.js";
import { allowForm } from "./exceptions.js";
import { json, moment, number, percent, rate, tier, time } from "./format.js";
import { poll } from "./poll.js";
import { Recent } from "./recent.js";
import { Table } from "./table.js";
import { verdictTable } from "./verdicts.js";

// what the API returns of an account besides facts
const NOT_FACTS = new Set(["id", "tenant", "payer", "proven", "tier", "buckets", "cluster"]);
const words = (name) => name.replaceAll("_", " ");

export const title = (id) => `Account ${id}`;

export async function show(context) {
    const verdicts = verdictTable(context, `Recent verdicts of ${context.what}`, { account: false, size: 25 });
    const recent = new Recent(context, 200);
    const query = { tenant: context.tenant, account: context.what };
    const history = await read(path(["history"], query), context.signal);
    const found = history.standing;
    verdicts.set(await recent.choose({ account: context.what }));
    poll(context, 3, async () => verdicts.set(await recent.follow()));
    return [
        element(
            "section",
            { class: "panel", "aria-label": "Actions" },
            actions(context, context.what, history),
            said(context, history),
        ),
        found
            ? element(
                  "div",
                  { class: "two" },
                  panel("Standing", standing(context, found)),
                  panel("Facts", known(found)),
              )
            : element(
                  "p",
                  {},
                  "Billing has pushed no facts about this account, and no state is kept for it. Its recent verdicts follow.",
              ),
        panel("Recent verdicts", verdicts.node),
        element(
            "div",
            { class: "two" },
            panel("Outcomes and appeals", outcomes(history).node, appeals(context, history).node),
            panel("Addresses within a day", addresses(history).node),
        ),
        element(
            "div",
            { class: "two" },
            panel("Other accounts with its card", others(context, history.same_card)),
            panel("Other accounts on its device", others(context, history.same_device)),
        ),
        panel("Add a temporary exception", allowForm(context, { kind: "account", value: context.what }, context.again)),
    ];
}

/** The label, and how to remove it. */
function said(context, { label }) {
    if (label === null) return element("p", { class: "quiet" }, "No label.");
    const remove = async () => {
        const reason = await askReason(`Remove the label ${label.label} of ${label.account}`, "Remove label");
        if (reason === null) return;
        try {
            await call("DELETE", path(["labels", label.account], { tenant: context.tenant, reason }));
            await context.again();
            context.say("label removed");
        } catch (error) {
            context.say(error.message);
        }
    };
    return element(
        "p",
        {},
        element("strong", { class: label.label === "abuse" ? "danger" : null }, `Label: ${label.label}`),
        ` by ${label.by} (${label.source}), `,
        moment(label.at),
        label.reason ? `: ${label.reason} ` : " ",
        context.may("operator") ? button("Remove label", remove) : null,
    );
}

function outcomes({ outcomes: rows }) {
    const table = new Table(
        "Outcomes",
        [
            { title: "Outcome", cell: (row) => words(row.outcome) },
            { title: "Time", cell: (row) => moment(row.at) },
        ],
        { size: 10, empty: "no outcomes" },
    );
    table.set(rows);
    return table;
}

function appeals(context, { appeals: rows }) {
    const table = new Table(
        "Appeals",
        [
            { title: "Appeal", cell: (row) => anchor(context.link("verdicts", row.verdict), moment(row.at)) },
            { title: "By", cell: (row) => row.by },
            { title: "Reason", cell: (row) => element("span", { class: "clip" }, row.reason) },
            { title: "Result", cell: (row) => row.label ?? (row.ended ? "taken back" : "not decided") },
        ],
        { size: 10, empty: "no appeals" },
    );
    table.set(rows);
    return table;
}

function addresses({ addresses: rows }) {
    const table = new Table(
        "Addresses",
        [
            { title: "Address", cell: (row) => row.ip },
            { title: "Last seen", cell: (row) => moment(row.at) },
            { title: "Accounts there", numeric: true, cell: (row) => number(row.accounts) },
        ],
        { size: 16, empty: "not seen at an address within a day" },
    );
    table.set(rows);
    return table;
}

/** Links to the other accounts, as far as the API names them. */
function others(context, { total, accounts }) {
    if (!total) return element("p", { class: "quiet" }, "none");
    return [
        element("p", {}, `${number(total)} ${total === 1 ? "account" : "accounts"}${total > accounts.length ? ", of these" : ":"}`),
        element(
            "ul",
            { class: "names" },
            accounts.map((name) => element("li", {}, anchor(context.link("accounts", name), element("span", { class: "clip" }, name)))),
        ),
    ];
}

function standing(context, found) {
    return facts([
        ["Tier", tier(found.tier)],
        ["Payer", found.payer ? "yes: evidence from addresses and networks cannot take its floor" : "no"],
        ["Proven", found.proven ? "yes" : "no"],
        [
            "Cluster",
            found.cluster
                ? anchor(
                      context.link("clusters", found.cluster.id),
                      `${found.cluster.id}, ${percent(found.cluster.confidence)} sure`,
                  )
                : "none",
        ],
        ...Object.entries(found.buckets).map(([name, bucket]) => [
            `Bucket ${name}`,
            `${number(bucket.remaining)} of ${number(bucket.burst)} left, ${rate(bucket.rate)}`,
        ]),
    ]);
}

function known({ created_at: created, plan, verified, organisation, payment, keys, external, ...others }) {
    const members = (fact) => Object.entries(fact ?? {}).filter(([, value]) => value !== null);
    const rest = members(others).filter(([name]) => !NOT_FACTS.has(name));
    const more = rest.flatMap(([name, value]) =>
        typeof value === "object" ? members(value).map(([member, one]) => [`${name} ${member}`, one]) : [[name, value]],
    );
    return facts([
        ["Created", time(created)],
        ["Plan", plan ?? "–"],
        ["Verified", verified?.join(", ") || "–"],
        ["Organisation", organisation ? `${organisation.id}${organisation.verified ? " (verified)" : ""}` : "–"],
        ...members(payment).map(([name, value]) => [`Payment ${words(name)}`, json(value)]),
        ...more.map(([name, value]) => [words(name[0].toUpperCase() + name.slice(1)), json(value)]),
        ["Keys", keys.length ? keys.map((key) => element("code", {}, key)) : "–"],
        ...Object.entries(external).map(([name, value]) => [`In ${name}`, value]),
    ]);
}
