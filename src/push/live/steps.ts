import { pathToFileURL } from 'node:url'
import type { PushSteps } from '../loop/actions.ts'
import type { PushUsers } from '../loop/users.ts'

/** Which loop decides. */
export interface LoopChoice {
  /** A module that exports `openSteps(users, options)`, which gives `PushSteps`. */
  readonly module?: string | undefined
  readonly options: Readonly<Record<string, unknown>>
}

/** What makes the loop that a configuration names. @throws TypeError where there is none. */
export async function stepsOf({ module, options }: LoopChoice): Promise<(users: PushUsers) => PushSteps> {
  if (module === undefined) {
    throw new TypeError(
      'loop.module must name a module that exports openSteps(users, options): this version has no loop of its own yet',
    )
  }
  const loaded = (await import(pathToFileURL(module).href).catch(error => {
    throw new TypeError(`loop.module: ${module} cannot be loaded: ${(error as Error).message}`)
  })) as { readonly openSteps?: unknown }
  const { openSteps } = loaded
  if (typeof openSteps !== 'function') {
    throw new TypeError(`loop.module must export a function openSteps(users, options), and ${module} does not`)
  }
  return users => openSteps(users, options) as PushSteps
}
