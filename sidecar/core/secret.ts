const redacted = '[secret]';

/**
 * Holds a value that must not be seen by accident: printing, inspecting, serialising or concatenating it yields
 * `[secret]`. The value lives in a private field, which `util.inspect` cannot reach; only {@link Secret.reveal} gives it.
 */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Call it where the value leaves the process, nowhere else. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [Symbol.toPrimitive](): string {
    return redacted;
  }

  /** Node's inspector hook (a registered symbol, so the core needs no import). */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return redacted;
  }
}
