import type { Register } from '../command.ts'
import { registerReport } from './report.ts'

/** `aurochs push`: content push. */
export const register: Register = program => {
  const push = program.command('push').description('content push: what brings inactive users back')
  registerReport(push)
}
