/** Where every worker thread begins. */
import type { Job } from './pool.ts'

type Exports = Readonly<Record<string, unknown>>

/** Asking the loader for a module that it has costs more than a small job does. */
const modules = new Map<string, Exports>()

export default async function work({ module, name, args }: Job): Promise<unknown> {
  const job = (modules.get(module) ?? (await load(module)))[name]
  if (typeof job !== 'function') throw new TypeError(`${module} exports no function ${name}`)
  return job(args)
}

async function load(module: string): Promise<Exports> {
  const exports: Exports = await import(module)
  modules.set(module, exports)
  return exports
}
