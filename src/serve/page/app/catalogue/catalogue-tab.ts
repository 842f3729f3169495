import type { Session } from '../connection/session.ts'
import type { Tab } from '../tab.ts'

export function catalogueTab(_session: Session): Tab[] | undefined {
  return undefined
}
