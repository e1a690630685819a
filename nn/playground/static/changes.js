// What is asked for that changes the settings, until the server has answered: quick clicks are faster than it is.

// Each is answered by settings, in their order; all but the first may be refused with an error instead.
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

  /** A request that was sent. */
  sent(type, { changes = {} }) {
    if (KINDS.includes(type)) this.waiting.push(changes);
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
    return Object.assign({}, settings, ...this.waiting);
  }
}
