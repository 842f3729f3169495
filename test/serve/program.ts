import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../dist/cli/main.js')

/** `aurochs serve` as a process of its own. */
export class Program {
  readonly child: ChildProcess
  readonly url: string
  readonly port: number
  readonly #output: () => string

  /** Waits until it listens. `shell` goes before the command. */
  static async start(args: readonly string[], shell?: string): Promise<Program> {
    const command = [process.execPath, main, 'serve', ...args, '--json']
    const child = shell
      ? spawn('bash', ['-c', `${shell}; exec "$@"`, 'bash', ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
      : spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stderr?.on('data', data => {
      output += data
    })
    const line = await Promise.race([
      once(child.stdout!, 'data').then(([data]) => String(data)),
      once(child, 'close').then(([code]) => {
        throw new Error(`ended with ${code}: ${output}`)
      }),
    ])
    return new Program(child, JSON.parse(line), () => output)
  }

  private constructor(child: ChildProcess, { url, port }: { url: string; port: number }, output: () => string) {
    this.child = child
    this.url = url
    this.port = port
    this.#output = output
  }

  /** What it wrote to stderr. */
  get output(): string {
    return this.#output()
  }

  /** Sends `signal` and waits for the end; gives the exit code, or the signal that ended it. */
  async stop(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    const { exitCode, signalCode } = this.child
    if (exitCode !== null || signalCode !== null) return exitCode ?? signalCode!
    const closed = once(this.child, 'close')
    this.child.kill(signal)
    const [code, by] = await closed
    return code ?? by
  }
}
