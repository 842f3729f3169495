import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'

const setup = join(import.meta.dirname, 'setup.sh')

/** Where setup.sh makes the environments: AUROCHS_PEERS, else peers-env beside the repository. */
const environments = process.env.AUROCHS_PEERS ?? join(import.meta.dirname, '../../../peers-env')

/**
 * The Python of an environment that setup.sh makes, with `packages` of it: that of `main` may be named by
 * AUROCHS_PEERS_PYTHON, and is python3 where there are no environments.
 *
 * @throws Error that says how to install what is missing.
 */
export function peersPython(environment: 'main' | 'buffalo', packages: readonly string[]): string {
  const made = join(environments, environment, 'bin/python')
  const named = environment === 'main' ? process.env.AUROCHS_PEERS_PYTHON : undefined
  const python = named ?? (existsSync(made) || environment !== 'main' ? made : 'python3')
  const missing = packages.filter(name => spawnSync(python, ['-c', `import ${name}`]).status !== 0)
  if (missing.length === 0) return python
  throw new Error(
    `${python} must have ${packages.join(', ')}, but lacks ${missing.join(', ')}: make the environments of the peers by\n` +
      `  ${relative(process.cwd(), setup)} ${environments}\n` +
      'or name the folder that has them in AUROCHS_PEERS',
  )
}

/** A program of a peer ended with an error or a crash. */
export class PeerFailure extends Error {}

/** Runs a program of this folder and gives the JSON objects that it prints, one a line. */
export async function runPeer<Line>(python: string, program: string, args: readonly string[]): Promise<Line[]> {
  const lines: Line[] = []
  for await (const line of peerLines<Line>(python, program, args)) lines.push(line)
  return lines
}

/**
 * The same, each line as it comes: the program may wait for a line of its standard input, which it gets when the next of its
 * own is asked for. It finds the end of its input, and ends, when no more are.
 *
 * @throws PeerFailure with the end of what it wrote to standard error, when it fails.
 */
export async function* peerLines<Line>(
  python: string,
  program: string,
  args: readonly string[],
): AsyncGenerator<Line, void, undefined> {
  const child = spawn(python, [join(import.meta.dirname, program), ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', chunk => {
    errors = (errors + chunk).slice(-2000)
  })
  // It may have ended before it reads.
  child.stdin.on('error', () => {})
  const ended = new Promise<number | string>((resolve, reject) => {
    child.on('close', (status, signal) => resolve(status ?? signal!)).on('error', reject)
  })
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith('{')) continue
      yield JSON.parse(line)
      child.stdin.write('\n')
    }
  } finally {
    child.stdin.end()
    await ended
  }
  const status = await ended
  if (status !== 0) throw new PeerFailure(`${program} ${args.join(' ')} ended with ${status}: ${errors}`)
}
