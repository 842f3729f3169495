import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/**
 * The Python that has the peers' packages: AUROCHS_PEERS_PYTHON, else ../peers-env/main/bin/python, else python3.
 *
 * @throws Error that says how to install what is missing.
 */
export function peersPython(packages: Readonly<Record<string, string>>): string {
  const beside = join(import.meta.dirname, '../../../peers-env/main/bin/python')
  const python = process.env.AUROCHS_PEERS_PYTHON ?? (existsSync(beside) ? beside : 'python3')
  const { status } = spawnSync(python, ['-c', `import ${Object.keys(packages).join(', ')}`])
  if (status === 0) return python
  throw new Error(
    `${python} lacks some of ${Object.keys(packages).join(', ')}: install them with\n` +
      `  python3 -m venv ../peers-env/main && ../peers-env/main/bin/pip install ${Object.values(packages).join(' ')}\n` +
      'or name a Python that has them in AUROCHS_PEERS_PYTHON',
  )
}

/** Runs a program of this folder and gives the JSON objects that it prints, one a line. */
export async function runPeer<Line>(python: string, program: string, args: readonly string[]): Promise<Line[]> {
  const child = spawn(python, [join(import.meta.dirname, program), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', chunk => {
    errors = (errors + chunk).slice(-2000)
  })
  const ended = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject))
  const lines: Line[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) lines.push(JSON.parse(line))
  }
  const status = await ended
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${errors}`)
  return lines
}
