/**
 * An iterator over values that come at their own pace: a slow reader gets the newest one, never a backlog.
 *
 * It ends after `end`, or with an error after `fail`; the last value before that is still given.
 */
export class Newest<Value> implements AsyncIterableIterator<Value, undefined> {
  readonly #onReturn: () => void
  #value: { readonly value: Value } | undefined
  #ended = false
  #error: { readonly error: unknown } | undefined
  #waiting: (() => void)[] = []

  /** `onReturn` is called once, when the iteration is over. */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn
  }

  put(value: Value): void {
    if (this.#ended) return
    this.#value = { value }
    this.#wake()
  }

  end(): void {
    this.#finish(undefined)
  }

  fail(error: unknown): void {
    this.#finish({ error })
  }

  async next(): Promise<IteratorResult<Value, undefined>> {
    while (!this.#value && !this.#ended) await new Promise<void>(resolve => this.#waiting.push(resolve))
    const newest = this.#value
    this.#value = undefined
    if (newest) return { done: false, value: newest.value }
    const failure = this.#error
    this.#error = undefined
    if (failure) throw failure.error
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Value, undefined>> {
    this.#value = undefined
    this.#finish(undefined)
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #finish(error: { readonly error: unknown } | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#onReturn()
    this.#wake()
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
