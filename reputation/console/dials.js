// A slider and a number for each weight, the prior, and where tiers begin.
import { element, fill } from "./elements.js";
import { TIERS } from "./format.js";

const RANGES = { prior: [-8, 4, 0.05], weights: [0, 5, 0.05], tiers: [0.5, 99.9, 0.1] };

/** The dials of a draft; `moved` is called after each move. */
export function dials(draft, moved) {
    const groups = [
        ["Prior, in log-odds", ["prior"]],
        ["Weights of families", Object.keys(draft.base.in_force.weights).map((name) => `weights.${name}`)],
        ["Risk at which each tier begins", TIERS.slice(1).map((name) => `tiers.${name}`)],
    ];
    return groups.map(([title, names]) =>
        element(
            "fieldset",
            { class: "dials" },
            element("legend", {}, title),
            names.map((dial) => one(draft, dial, moved)),
        ),
    );
}

function one(draft, dial, moved) {
    const label = dial.replace(/^(weights|tiers)\./, "");
    const [min, max, step] = RANGES[dial.split(".")[0]];
    const range = { min, max, step, value: draft.value(dial) };
    const was = element("span", { class: "was" });
    const slider = element("input", { ...range, type: "range", "aria-label": label });
    const exact = element("input", { ...range, type: "number", "aria-label": `${label}, exactly`, step: "any" });
    const row = element("div", { class: "dial" }, element("span", {}, label), slider, exact, was);
    const turn = (from, other) => {
        if (from.value === "" || !from.validity.valid) return;
        other.value = from.value;
        draft.move(dial, Number(from.value));
        mark();
        moved();
    };
    const mark = () => {
        const base = draft.base.in_force;
        const before =
            dial === "prior"
                ? base.prior
                : dial.startsWith("tiers.")
                  ? base.tiers[label].from_risk
                  : base.weights[label];
        row.classList.toggle("moved", before !== draft.value(dial));
        fill(was, before === draft.value(dial) ? "" : `was ${before}`);
    };
    slider.addEventListener("input", () => turn(slider, exact));
    exact.addEventListener("input", () => turn(exact, slider));
    mark();
    return row;
}
