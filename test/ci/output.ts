import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

/** What a process prints, on both its streams. */
export class Output {
  text = ''
  #last = performance.now()
  readonly #end: Promise<true>

  constructor(process: ChildProcess) {
    for (const stream of [process.stdout!, process.stderr!]) {
      stream.setEncoding('utf8').on('data', text => {
        this.text += text
        this.#last = performance.now()
      })
    }
    this.#end = once(process, 'close').then(() => true)
  }

  /** ms since it printed last. */
  get silence(): number {
    return performance.now() - this.#last
  }

  /** Whether it has ended, after at most `ms`. */
  ended(ms: number): Promise<boolean> {
    return Promise.race([this.#end, wait(ms, false)])
  }
}

/** Ends a process, unless it has ended, and waits until it has. */
export async function stop(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  process.kill('SIGTERM')
  await once(process, 'exit')
}
