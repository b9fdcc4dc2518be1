// Rulings on a cluster: each is chosen by its button, and confirmed with the accounts and payers that it touches.
import { call, path, read } from "./api.js";
import { askConfirmation } from "./dialogs.js";
import { button, element, field } from "./elements.js";
import { moment } from "./format.js";

const DAY = 86400;
const VERBS = {
    restrain: ["Restrain", "Its members are in the tier restricted at best, from the next linking."],
    deny: ["Deny", "Every request of its members is refused, at once."],
    split: ["Split", "Its members are let go and not linked with each other again."],
    allow: ["Allow-list", "The cluster stays visible and is never restrained."],
};

/** Buttons for a cluster, and its rulings in force. */
export async function rulings(context, cluster) {
    const { rulings: kept } = await read(path(["clusters", cluster, "rulings"], { tenant: context.tenant }), context.signal);
    const may = context.may("operator");
    return element(
        "div",
        { class: "actions" },
        element(
            "p",
            { class: "line" },
            Object.keys(VERBS).map((word) => button(VERBS[word][0], () => rule(context, cluster, word), { disabled: !may })),
            ["abuse", "good"].map((word) =>
                button(`Label all ${word}`, () => labelAll(context, cluster, word), { disabled: !may }),
            ),
        ),
        may ? null : element("p", { class: "quiet" }, "To change something you need the role operator."),
        kept.map((one) => inForce(context, one)),
    );
}

/** A ruling in force, with the button that takes it back. */
export function inForce(context, one) {
    const about = one.account ? ` of ${one.account}` : "";
    return element(
        "p",
        { class: "lifted" },
        element("strong", {}, `${one.ruling}${about}: cluster ${one.cluster}`),
        " until ",
        moment(one.expires),
        ` by ${one.by}: ${one.reason} `,
        context.may("operator")
            ? button("Take back", () => undo(context, one), { "aria-label": `Take back ${one.ruling} of cluster ${one.cluster}` })
            : null,
    );
}

/** How many accounts and payers something touches, with the payers' names. */
export const touched = ({ words, payer_names: names }) => (names.length ? `${words}: ${names.join(", ")}` : words);

async function rule(context, cluster, word) {
    const [verb, effect] = VERBS[word];
    const where = path(["clusters", cluster, "rulings"], { tenant: context.tenant });
    const body = { ruling: word, reason: "-" };
    await told(context, async () => {
        const { value: dry } = await call("POST", where, { body: { ...body, dry_run: true } });
        const days = element("input", { type: "number", min: 0.01, max: 366, step: "any", value: 30, required: true });
        const reason = await askConfirmation(`${verb} cluster ${cluster}`, {
            words: `This touches ${touched(dry.reach)}. ${effect}`,
            reason: "",
            verb,
            controls: [field("Days", days)],
        });
        if (reason === null) return;
        await call("POST", where, { body: { ...body, reason, expires_in: days.value * DAY } });
        await context.again();
        context.say(`${word}: cluster ${cluster}`);
    });
}

async function labelAll(context, cluster, label) {
    const where = (what) => path(["clusters", cluster, what], { tenant: context.tenant });
    await told(context, async () => {
        const body = { ruling: "deny", reason: "-", dry_run: true };
        const { value: dry } = await call("POST", where("rulings"), { body });
        const reason = await askConfirmation(`Label all members of cluster ${cluster} ${label}`, {
            words: `This labels ${touched(dry.reach)}. A label is a person's decision and counts in full.`,
            reason: "",
            verb: `Label all ${label}`,
            controls: [],
        });
        if (reason === null) return;
        const { value: done } = await call("POST", where("labels"), { body: { label, reason } });
        await context.again();
        context.say(`labelled ${label}: ${done.labelled} accounts`);
    });
}

async function undo(context, one) {
    await told(context, async () => {
        await call("DELETE", path(["rulings", one.id], { tenant: context.tenant, reason: "taken back in the console" }));
        await context.again();
        context.say(`taken back: ${one.ruling} of cluster ${one.cluster}`);
    });
}

async function told(context, work) {
    try {
        await work();
    } catch (error) {
        context.say(error.message);
    }
}
