import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { Bar, Bench } from './bar.ts'

/**
 * Runs the bench that `args` name, one file of `folder`, and prints its bars: with `--json` as the last line,
 * `{"bench": NAME, "bars": [{"name", "figure", "bar", "holds"}]}`. Gives the exit code: 0 all bars hold, 1 one falls
 * short, 2 there is no such bench.
 */
export async function runBench(folder: string, args: readonly string[]): Promise<number> {
  const [name, ...others] = args
  const file = join(folder, `${name}.ts`)
  if (!name || !/^[\w-]+$/.test(name) || !existsSync(file)) {
    process.stderr.write(
      `${name ? `there is no bench ${name}` : 'which bench?'} Usage: npm run bench -- NAME [--json] [--data FILE] [its own options]\n` +
        `There are: ${names(folder).join(', ')}\n`,
    )
    return 2
  }
  const { json, data, rest } = options(others)
  const { run }: { run: Bench } = await import(pathToFileURL(file).href)
  const bars = await run({ json, rest, ...(data !== undefined && { data }) })
  if (json) console.log(JSON.stringify({ bench: name, bars }))
  else for (const bar of bars) console.log(sentence(bar))
  return bars.every(bar => bar.holds) ? 0 : 1
}

/** Takes `--json` and `--data FILE` out and leaves the rest in order for the bench. */
function options(args: readonly string[]): { json: boolean; data?: string; rest: string[] } {
  const { tokens } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean' }, data: { type: 'string' } },
    strict: false,
    tokens: true,
  })
  const ours = tokens.filter(token => token.kind === 'option' && (token.name === 'json' || token.name === 'data'))
  const taken = new Set<number>()
  let data: string | undefined
  for (const token of ours) {
    if (token.kind !== 'option') continue
    taken.add(token.index)
    if (token.name !== 'data') continue
    if (!token.value) throw new TypeError('--data expects a file')
    data = token.value
    if (!token.inlineValue) taken.add(token.index + 1)
  }
  return {
    json: ours.some(token => token.kind === 'option' && token.name === 'json'),
    rest: args.filter((_, index) => !taken.has(index)),
    ...(data !== undefined && { data }),
  }
}

/** The files of `folder` that export a bench. */
function names(folder: string): string[] {
  return readdirSync(folder)
    .filter(
      file =>
        file.endsWith('.ts') && /^export (async function|const) run\b/m.test(readFileSync(join(folder, file), 'utf8')),
    )
    .map(file => file.slice(0, -'.ts'.length))
    .sort()
}

function sentence({ name, figure, bar, holds }: Bar): string {
  return `${holds ? 'holds      ' : 'FALLS SHORT'}  ${name}: ${Number(figure.toPrecision(5))} (bar ${bar})`
}
