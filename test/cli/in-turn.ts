/** `node in-turn.ts '[[ARGUMENT…]…]'` runs the program once for each list, here, and prints what each run left as JSON. */
import { pathToFileURL } from 'node:url'
import { main, type Printed } from './aurochs.ts'

/** Thrown where the program ends itself. */
class Exit extends Error {}

async function run(args: readonly string[], turn: number): Promise<Printed> {
  const printed = { stdout: '', stderr: '' }
  const { argv, exit, stdout, stderr } = process
  const writes = [stdout.write, stderr.write] as const
  const capture = (stream: keyof typeof printed) => (chunk: string | Uint8Array, last?: unknown, done?: unknown) => {
    printed[stream] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    const called = typeof last === 'function' ? last : done
    if (typeof called === 'function') process.nextTick(called)
    return true
  }
  stdout.write = capture('stdout')
  stderr.write = capture('stderr')
  process.argv = [...argv.slice(0, 1), 'aurochs', ...args]
  process.exitCode = 0
  process.exit = code => {
    process.exitCode = code ?? process.exitCode
    throw new Exit()
  }
  try {
    // The same file by another address is another module: it runs again, while what it imports is shared.
    await import(`${pathToFileURL(main)}?turn=${turn}`)
  } catch (error) {
    if (!(error instanceof Exit)) throw error
  } finally {
    ;[stdout.write, stderr.write] = writes
    process.argv = argv
    process.exit = exit
    // What waits for the end of the program would end with it.
    for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal)
  }
  const status = Number(process.exitCode)
  process.exitCode = 0
  return { status, ...printed }
}

const printed: Printed[] = []
for (const [turn, args] of (JSON.parse(process.argv[2]!) as string[][]).entries()) printed.push(await run(args, turn))
process.stdout.write(JSON.stringify(printed))
