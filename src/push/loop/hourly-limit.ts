import { hour } from './article-run.ts'

/** How many sends there may be within any hour. */
export class HourlyLimit {
  readonly #most: number
  /** Of the past hour. */
  #rounds: { readonly time: number; readonly sends: number }[] = []
  /** That this step wants. */
  #planned = 0

  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most
  }

  /** What was wanted by the step before has been made, or has not. */
  beginStep(now: number): void {
    this.#planned = 0
    this.#rounds = this.#rounds.filter(({ time }) => time > now - hour)
  }

  /** How many more this step may want. */
  get left(): number {
    return this.#rounds.reduce((left, { sends }) => left - sends, this.#most - this.#planned)
  }

  plan(sends: number): void {
    this.#planned += sends
  }

  made(sends: number, time: number): void {
    if (Number.isFinite(this.#most)) this.#rounds.push({ time, sends })
  }
}
