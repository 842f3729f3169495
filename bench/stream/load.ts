import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Outcome, Plan } from './plan.ts'

/** What the load generator sends to the bench. */
export type GeneratorMessage = { readonly type: 'started' } | { readonly type: 'done'; readonly outcome: Outcome }

/**
 * Puts the load of `plan` on a server, from a process of its own.
 *
 * @param onStart called when the first event is due; the seconds of warm-up begin.
 */
export async function runLoad(plan: Plan, onStart: () => void = () => {}): Promise<Outcome> {
  const generator = fork(join(import.meta.dirname, 'generator.ts'))
  const exited = once(generator, 'exit')
  let outcome: Outcome | undefined
  generator.on('message', (message: GeneratorMessage) => {
    if (message.type === 'started') onStart()
    else outcome = message.outcome
  })
  generator.send(plan)
  const [code] = await exited
  if (!outcome) throw new Error(`the load generator ended with ${code}`)
  return outcome
}
