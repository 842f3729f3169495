import type { Register } from '../command.ts'
import { registerDemo } from './demo.ts'
import { registerImport } from './import-files.ts'
import { registerOperation } from './operate.ts'
import { registerReport } from './report.ts'
import { registerRun } from './run.ts'
import { registerSimulate } from './simulate.ts'
import { registerStatus } from './status.ts'

/** `aurochs push`: content push. */
export const register: Register = program => {
  const push = program.command('push').description('content push: what brings inactive users back')
  registerImport(push)
  registerRun(push)
  registerOperation(push)
  registerStatus(push)
  registerReport(push)
  registerSimulate(push)
  registerDemo(push)
}
