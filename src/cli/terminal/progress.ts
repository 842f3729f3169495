import { SingleBar } from 'cli-progress'
import type { TrainProgress } from '../../models/algorithm.ts'

/** Seconds between lines where there is no terminal. */
const interval = 30

/** On a terminal: what is being done, how far it is, time left. Elsewhere a line on standard error every half a minute says so. */
export class ProgressBar {
  readonly #bar = new SingleBar({
    format: '{bar} {percentage} % | {stage}{note}{left}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    noTTYOutput: false,
  })
  #stage = ''
  #begun = 0
  /** When the last line was written where there is no terminal, or the first stage began. */
  #written = performance.now()

  /**
   * Shows the share of `stage` that is done, 0 to 1; `seconds` are left, by default as the share lets expect. `note` is
   * what changes meanwhile.
   */
  show(stage: string, done: number, seconds?: number, note = ''): void {
    if (this.#stage !== stage) {
      this.stop()
      this.#stage = stage
      this.#begun = performance.now()
      this.#bar.start(100, 0, { stage, note, left: '' })
    }
    const passed = (performance.now() - this.#begun) / 1000
    const left = seconds ?? (done > 0.02 ? (passed * (1 - done)) / done : Number.NaN)
    const shown = { stage, note, left: Number.isFinite(left) ? `, ${Math.ceil(left)} s left` : '' }
    const percentage = Math.floor(done * 100)
    this.#bar.update(percentage, shown)
    if (!process.stderr.isTTY) this.#write(`${percentage} % | ${stage}${note}${shown.left}\n`)
  }

  #write(line: string): void {
    const now = performance.now()
    if (now - this.#written < interval * 1000) return
    this.#written = now
    process.stderr.write(line)
  }

  /** Shows how far a training is: epoch, rows a second, loss, time left. */
  training(stage: string, progress: TrainProgress, note = ''): void {
    const { done, epochs, rowsPerSecond, loss = [], secondsLeft } = progress
    const running = epochs ? `, epoch ${Math.min(epochs.total, epochs.done + 1)} of ${epochs.total}` : ''
    const rate = `, ${Math.round(rowsPerSecond).toLocaleString('en')} rows/s`
    const last = loss.length > 0 ? `, loss ${loss.at(-1)!.toPrecision(7)}` : ''
    this.show(stage, done, secondsLeft, running + rate + last + note)
  }

  /** Takes the bar from the terminal. */
  stop(): void {
    if (this.#stage !== '') this.#bar.stop()
    this.#stage = ''
  }
}
