import { Agent, get } from 'node:http'
import { memoryOf } from '../stream/memory.ts'

/** In ms: from one look to the next. */
const interval = 50

/** Looks at a server while others ask for too much: how long a probe of its health takes, and its memory. */
export class Probe {
  readonly #port: number
  readonly #pid: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  #timer: NodeJS.Timeout | undefined
  /** On the clock of `performance.now()`; undefined while there is no answer to wait for. */
  #asked: number | undefined
  #healthWorst = 0
  #anonymousMiB = 0

  constructor(port: number, pid: number) {
    this.#port = port
    this.#pid = pid
  }

  begin(): void {
    this.#timer = setInterval(() => {
      this.#anonymousMiB = Math.max(this.#anonymousMiB, memoryOf(this.#pid).anonymousMiB ?? 0)
      if (this.#asked === undefined) this.#ask()
    }, interval)
  }

  /** In ms and MiB: the worst that was seen; an answer that has not come yet counts with the time until now. */
  end(): { readonly healthWorst: number; readonly anonymousMiB: number } {
    clearInterval(this.#timer)
    this.#note()
    this.#agent.destroy()
    return { healthWorst: this.#healthWorst, anonymousMiB: this.#anonymousMiB }
  }

  #ask(): void {
    this.#asked = performance.now()
    const request = get({ host: '127.0.0.1', port: this.#port, path: '/healthz', agent: this.#agent }, response => {
      response.resume()
      response.once('end', () => this.#note())
    })
    // The server has ended, or has closed a connection that was kept alive.
    request.once('error', () => {
      this.#asked = undefined
    })
  }

  #note(): void {
    if (this.#asked === undefined) return
    this.#healthWorst = Math.max(this.#healthWorst, performance.now() - this.#asked)
    this.#asked = undefined
  }
}
