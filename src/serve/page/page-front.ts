import type { HttpRequest } from 'uWebSockets.js'
import type { Reply } from '../http/reply.ts'
import { Page, type PageFile } from './page.ts'

/** Below it lie the files of the page. */
export const pagePath = '/page/'

type Headers = readonly (readonly [string, string])[]

/** No script but the page's own, nothing from elsewhere, in nobody's frame; and no text becomes a script or markup. */
const securityHeaders: Headers = [
  [
    'content-security-policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; " +
      "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  ],
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
]

/** Answers a browser with the page. It holds no data: what it shows it asks the server for, by the socket. */
export class PageFront {
  #page: Page | undefined

  /** Whether who asks for `/` wants a page rather than text. To be asked within the request's handler. */
  wantsDocument(request: Pick<HttpRequest, 'getHeader'>): boolean {
    return request.getHeader('accept').includes('text/html')
  }

  /** Must be called within the request's handler. */
  sendDocument(reply: Reply, request: HttpRequest): void {
    this.#send(reply, request, this.#files.document, 'no-cache')
  }

  /** Sends the file that the request's path names, and gives whether there is one. Must be called within its handler. */
  sendFile(reply: Reply, request: HttpRequest): boolean {
    const file = this.#files.file(request.getUrl().slice(pagePath.length))
    if (file) this.#send(reply, request, file, 'public, max-age=31536000, immutable')
    return file !== undefined
  }

  #send(reply: Reply, request: HttpRequest, { type, body, etag }: PageFile, cacheControl: string): void {
    const headers: Headers = [...securityHeaders, ['cache-control', cacheControl], ['vary', 'accept'], ['etag', etag]]
    if (request.getHeader('if-none-match') === etag) reply.notModified(headers)
    else reply.send(200, type, body, headers)
  }

  /** Read when the first browser comes. */
  get #files(): Page {
    this.#page ??= Page.open()
    return this.#page
  }
}
