import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The program, as it is packed: compiled, it starts in half the time. */
export const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const inTurn = fileURLToPath(new URL('./in-turn.ts', import.meta.url))

/** What a run of the program left. */
export interface Printed {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Finished extends Printed {
  /** What stdout says, one JSON object a line. */
  json(): unknown[]
}

/** Runs `aurochs` with `args` in a process of its own, as a user does. */
export function aurochs(...args: string[]): Promise<Finished> {
  return finished(main, args)
}

/**
 * Runs `aurochs` once for each list of arguments, one run after the other in a process that they share: to start one
 * takes longer than most of what is asked of it.
 */
export async function aurochsInTurn(...runs: readonly (readonly string[])[]): Promise<Finished[]> {
  const { status, stdout, stderr } = await finished(inTurn, [JSON.stringify(runs)])
  if (status !== 0 || stderr !== '') throw new Error(`in-turn.ts ended with ${status}: ${stderr}`)
  return (JSON.parse(stdout) as Printed[]).map(printed => ({ ...printed, json: () => linesOf(printed.stdout) }))
}

function finished(program: string, args: readonly string[]): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
    })
    child.on('error', reject).on('close', status => {
      resolve({ status, stdout, stderr, json: () => linesOf(stdout) })
    })
  })
}

function linesOf(stdout: string): unknown[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
}
