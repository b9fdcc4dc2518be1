// The newest verdicts that pass a choice, followed: each request asks for what is newer than all that was looked at.
import { path, read } from "./api.js";

export class Recent {
    constructor(context, most) {
        Object.assign(this, { context, most, rows: [], newest: null, turn: 0 });
    }

    /** Start again with another choice: members of ?account=, ?decision=, ?tier=, ?cluster=. */
    async choose(chosen) {
        Object.assign(this, { chosen, rows: [], newest: null, turn: this.turn + 1 });
        return this.follow();
    }

    /** Ask for what is new, and return the newest rows of {request, verdict}. */
    async follow() {
        const { turn } = this;
        const query = { tenant: this.context.tenant, limit: this.most, after: this.newest, ...this.chosen };
        const found = await read(path(["recent"], query), this.context.signal);
        if (turn === this.turn) {
            this.turn += 1; // a request at the same time gets the same rows again
            this.rows = [...found.recent, ...this.rows].slice(0, this.most);
            this.newest = found.newest ?? this.newest;
        }
        return this.rows;
    }
}
