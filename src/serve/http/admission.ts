import type { HttpRequest } from 'uWebSockets.js'
import { ServiceError } from '../../protocol/errors.ts'
import type { Refusals } from '../access/refusals.ts'
import type { Hosts } from './hosts.ts'
import type { Origins } from './origins.ts'

/** What a request is let in by before anything else of it is looked at. */
export interface Admission {
  readonly hosts: Hosts
  readonly origins: Origins
  readonly refusals: Refusals
}

/** Why `request` is not let in, if so: the name that it addresses the server by, or the page that it comes from. */
export function admissionError(
  request: Pick<HttpRequest, 'getHeader'>,
  { hosts, origins, refusals }: Admission,
): ServiceError | undefined {
  const host = request.getHeader('host')
  if (!hosts.allows(host)) {
    refusals.report('host', host.slice(0, 100))
    const name = JSON.stringify(host.slice(0, 100))
    const remedy = 'address it by localhost, by its --host, or by a name that --allow-host lists'
    return new ServiceError('forbidden_host', `the server may not be addressed as ${name}: ${remedy}`)
  }
  const origin = request.getHeader('origin')
  if (origins.allows(origin, host)) return undefined
  refusals.report('origin', origin.slice(0, 100))
  return new ServiceError('forbidden_origin', `pages of ${origin.slice(0, 100)} may not use the server`)
}
