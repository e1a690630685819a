// What is asked for that changes the settings, until the server has answered: quick clicks are faster than it is.

// Each is answered by settings, in their order; all but the first may be refused with an error instead.
const NETWORK = ["problem", "features", "hidden", "activation"]; // for which it is compiled
const DATA = ["data", "samples", "noise", "train", "seed", "points", "init", "rival", "rival_init"];
const KINDS = ["open", "change", "paste", "reset"];

export class Changes {
  constructor() {
    this.clear();
  }

  clear() {
    this.waiting = [];
  }

  get none() {
    return this.waiting.length === 0;
  }

  /** Whether another training begins when all is answered, and whether it is of another network. */
  get restart() {
    return { any: this.waiting.some(({ any }) => any), network: this.waiting.some(({ network }) => network) };
  }

  /** A request that was sent. */
  sent(type, { changes = {} }) {
    if (!KINDS.includes(type)) return;
    const has = (names) => names.some((name) => name in changes), network = type === "open" || has(NETWORK);
    this.waiting.push({ changes, network, any: network || type !== "change" || has(DATA) });
  }

  /** The oldest one was answered. */
  answered() {
    this.waiting.shift();
  }

  /** An error came to a request of this type; without a type it may have been any. */
  refused(type) {
    if (!type) this.clear();
    else if (KINDS.indexOf(type) > 0) this.answered();
  }

  /** The settings as they will be when all is answered. */
  on(settings) {
    return Object.assign({}, settings, ...this.waiting.map(({ changes }) => changes));
  }
}
