/** A decision loop as a configuration names it. */
import type { PushUsers } from '../../src/push/loop/users.ts'
import { type Script, ScriptedSteps } from './scripted-steps.ts'

export function openSteps(users: PushUsers, options: Script): ScriptedSteps {
  return new ScriptedSteps(users, options)
}
