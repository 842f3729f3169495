import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The program, as `node` runs it. */
export const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Finished {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** What stdout says, one JSON object a line. */
  json(): unknown[]
}

/** Runs `aurochs` with `args` in a process of its own, as a user does. */
export function aurochs(...args: string[]): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
    })
    child.on('error', reject).on('close', status => {
      const json = () =>
        stdout
          .split('\n')
          .filter(Boolean)
          .map(line => JSON.parse(line))
      resolve({ status, stdout, stderr, json })
    })
  })
}
