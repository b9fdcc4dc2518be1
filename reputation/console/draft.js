// A draft: a revision's sparse settings and what was moved since. Pure.

export class Draft {
    /** base: a revision with `settings` and `in_force`, as the API tells it. */
    constructor(base) {
        this.base = base;
        this.settings = structuredClone(base.settings);
    }

    /** Move one dial (`prior`, `weights.asn`, `tiers.limited`); back at the base's value, it is as the base had it. */
    move(dial, value) {
        const [group, name] = split(dial);
        if (name === null) {
            put(this.settings, group, value, value === this.base.in_force[group], this.base.settings[group]);
            return;
        }
        const whole = this.base.in_force[group][name];
        const moved = group === "tiers" ? { ...whole, from_risk: value } : value;
        const same = value === (group === "tiers" ? whole.from_risk : whole);
        const inner = { ...this.settings[group] };
        put(inner, name, moved, same, this.base.settings[group]?.[name]);
        put(this.settings, group, inner, Object.keys(inner).length === 0, undefined);
    }

    /** What a dial stands at. */
    value(dial) {
        const [group, name] = split(dial);
        const own = name === null ? this.settings[group] : this.settings[group]?.[name];
        const found = own ?? (name === null ? this.base.in_force[group] : this.base.in_force[group][name]);
        return group === "tiers" ? found.from_risk : found;
    }

    get moved() {
        return JSON.stringify(this.settings) !== JSON.stringify(this.base.settings);
    }
}

/** Names of weights may have dots themselves. */
function split(dial) {
    const at = dial.indexOf(".");
    return at < 0 ? [dial, null] : [dial.slice(0, at), dial.slice(at + 1)];
}

function put(settings, name, value, same, original) {
    if (!same) settings[name] = value;
    else if (original === undefined) delete settings[name];
    else settings[name] = original;
}
