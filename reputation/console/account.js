// One account: what is known of it, where it stands, its recent verdicts.
import { call, path, read } from "./api.js";
import { anchor, choice, element, facts, field, panel } from "./elements.js";
import { json, number, percent, rate, tier, time } from "./format.js";
import { allowForm } from "./exceptions.js";
import { operatorForm } from "./form.js";
import { poll } from "./poll.js";
import { Recent } from "./recent.js";
import { verdictTable } from "./verdicts.js";

// what the API returns of an account besides facts
const NOT_FACTS = new Set(["id", "tenant", "payer", "proven", "tier", "buckets", "cluster"]);
const words = (name) => name.replaceAll("_", " ");

export const title = (id) => `Account ${id}`;

export async function show(context) {
    const verdicts = verdictTable(context, `Recent verdicts of ${context.what}`, { account: false, size: 25 });
    const recent = new Recent(context, 200);
    const found = await read(path(["accounts", context.what], { tenant: context.tenant }), context.signal).catch(
        (error) => {
            if (error.status !== 404) throw error;
            return null;
        },
    );
    verdicts.set(await recent.choose({ account: context.what }));
    poll(context, 3, async () => verdicts.set(await recent.follow()));
    return [
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
        panel("Decision", labelForm(context)),
        panel("Add a temporary exception", allowForm(context, { kind: "account", value: context.what })),
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

/** What an account is, by a person's word: precision, recall and suggestions are reckoned by it. */
function labelForm(context) {
    const label = choice(
        [
            ["good", "good"],
            ["abuse", "abuse"],
        ],
        "good",
    );
    const reason = element("input", { type: "text", required: true, maxlength: 1024, size: 40 });
    const send = async () => {
        const body = { account: context.what, label: label.value, reason: reason.value };
        await call("POST", path(["labels"], { tenant: context.tenant }), { body });
        reason.value = "";
        return `labelled: ${body.label}`;
    };
    return operatorForm(
        context,
        send,
        field("It is", label),
        field("Why", reason),
        element("button", {}, "Label it"),
    );
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
