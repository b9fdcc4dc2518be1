// Verdicts as they are given, with the reasons that counted most.
import { anchor, button, choice, element, field } from "./elements.js";
import { decision, number, points, tier, TIERS, time, timeOfId } from "./format.js";
import { poll } from "./poll.js";
import { Recent } from "./recent.js";
import { keep } from "./route.js";
import { Table } from "./table.js";

const MOST = 500;
const EVERY = 2;
const LEAST = 0.005; // points that are shown: less is written as nothing

export async function show(context) {
    const table = verdictTable(context, "Recent verdicts");
    const account = element("input", {
        type: "search",
        placeholder: "any",
        size: 24,
        value: context.chosen.account,
    });
    const named = ["allow", "throttle", "challenge", "deny"].map((d) => [d, d]);
    const decisions = choice([["", "any"], ...named], context.chosen.decision ?? "");
    const tiers = choice([["", "any"], ...TIERS.map((t) => [t, t])], context.chosen.tier ?? "");
    const recent = new Recent(context, MOST);
    let paused = false;
    const choose = async () => {
        const chosen = { account: account.value, decision: decisions.value, tier: tiers.value };
        keep(chosen);
        table.set(await recent.choose(chosen));
    };
    const pause = button(
        "Pause",
        () => {
            paused = !paused;
            pause.textContent = paused ? "Resume" : "Pause";
            pause.setAttribute("aria-pressed", String(paused));
        },
        { "aria-pressed": "false" },
    );
    [account, decisions, tiers].forEach((control) => control.addEventListener("change", choose));
    poll(context, EVERY, async () => {
        if (!paused) table.set(await recent.follow());
    });
    await choose();
    return [
        element(
            "div",
            { class: "line" },
            field("Account", account),
            field("Decision", decisions),
            field("Tier", tiers),
            pause,
        ),
        table.node,
    ];
}

/** A table of {request, verdict}; without the account's column on the account's own page. */
export function verdictTable(context, caption, { account = true, size = 50 } = {}) {
    const columns = [
        {
            title: "Time",
            cell: ({ verdict }) => anchor(context.link("verdicts", verdict.id), time(timeOfId(verdict.id))),
        },
        account && { title: "Account", cell: ({ request }) => whose(context, request) },
        { title: "Decision", cell: ({ verdict }) => decision(verdict) },
        { title: "Tier", cell: ({ verdict }) => tier(verdict.tier) },
        { title: "Risk", numeric: true, cell: ({ verdict }) => number(verdict.risk) },
        { title: "Limit", cell: ({ verdict }) => limit(verdict) },
        { title: "Because", cell: ({ verdict }) => because(verdict) },
        {
            title: "Cluster",
            cell: ({ verdict }) =>
                verdict.cluster ? anchor(context.link("clusters", verdict.cluster.id), verdict.cluster.id) : "",
        },
        { title: "Route", cell: ({ request }) => element("span", { class: "clip" }, request.route ?? "") },
    ].filter(Boolean);
    return new Table(caption, columns, { size });
}

export const whose = (context, request) =>
    request.account === null
        ? element("span", { class: "quiet clip" }, request.ip ? `unknown at ${request.ip}` : "by key")
        : anchor(context.link("accounts", request.account), element("span", { class: "clip" }, request.account));

function limit(verdict) {
    const { limit: binding } = verdict.shadow ?? verdict;
    if (binding.remaining === null) return "none";
    return `${binding.scope}, ${number(Math.max(binding.remaining, 0))} left`;
}

function because(verdict) {
    if (verdict.allow) return element("span", { class: "clip" }, `exception: ${verdict.allow.reason}`);
    const found = verdict.reasons
        .filter(({ signal, points: given }) => signal !== "prior" && Math.abs(given) >= LEAST)
        .sort((one, other) => Math.abs(other.points) - Math.abs(one.points))
        .slice(0, 3);
    return element(
        "span",
        { class: "reasons" },
        found.map(({ signal, points: given }) =>
            element("span", { class: given > 0 ? "against" : "for" }, `${signal} ${points(given)}`),
        ),
    );
}
