import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Task } from './task.ts'

/** A program of this folder, as a process of its own: it carries out tasks and says how many times a second it did. */
export class Measured {
  readonly #child: ChildProcess
  /** Fails when the process ends. */
  readonly #ended: Promise<never>

  /** Waits until it is ready. */
  static async start(program: string, args: readonly string[]): Promise<Measured> {
    const measured = new Measured(program, args)
    await measured.#next()
    return measured
  }

  private constructor(program: string, args: readonly string[]) {
    this.#child = fork(join(import.meta.dirname, program), args)
    this.#ended = once(this.#child, 'exit').then(([code, signal]) => {
      throw new Error(`${program} ended with ${code ?? signal}`)
    })
    this.#ended.catch(() => {})
  }

  /** Times a second that it did `task`. */
  async rate(task: Task): Promise<number> {
    this.#child.send(task)
    return (await this.#next()) as number
  }

  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    await this.#ended.catch(() => {})
  }

  async #next(): Promise<unknown> {
    const [message] = await Promise.race([once(this.#child, 'message'), this.#ended])
    return message
  }
}
