import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** A server as a process of its own. */
export interface Program {
  readonly child: ChildProcess
  readonly port: number
  /** Address of its internal RPC, if it has one. */
  readonly rpc?: string
}

/** They must not outlive a bench that fails: they would take part in the next measurement. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill()
})

/** Starts a program of this project that prints `{"port": …}` once it listens. */
export async function startProgram(path: string, args: readonly string[]): Promise<Program> {
  const child = spawn(process.execPath, [join(root, path), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${path} ended with ${code} before it listened`)
  })
  const [line] = await Promise.race([once(child.stdout, 'data'), ended])
  ended.catch(() => {})
  return { child, ...JSON.parse(line) }
}

/** Ends a program and waits until it has ended. */
export async function stopProgram({ child }: Program): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  }
  if (child.exitCode !== 0) throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}`)
}
