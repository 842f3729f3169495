/** Where every worker thread begins. */
import type { Job } from './pool.ts'

export default async function work({ module, name, args }: Job): Promise<unknown> {
  const exports: Record<string, unknown> = await import(module)
  const job = exports[name]
  if (typeof job !== 'function') throw new TypeError(`${module} exports no function ${name}`)
  return job(args)
}
