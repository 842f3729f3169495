import { loadPushConfig, type PushConfig } from '../../push/live/config.ts'
import { UsageError } from '../command.ts'

/** @param option that names the file. @throws UsageError where the configuration is wrong. */
export function pushConfigIn(file: string, option: string): PushConfig {
  try {
    return loadPushConfig(file)
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(`${option} ${error.message}`) : error
  }
}
