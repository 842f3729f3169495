/** The methods of content push: see methods.ts. A server that sends no pushes answers them with `unsupported`. */
import { z } from 'zod'
import type { PushAnalysis } from '../push/analyse/analysis.ts'
import type { CampaignReport, CampaignStatus, CampaignTotals, SendsByReason } from '../push/send/campaign-summary.ts'
import { pushUser } from '../push/send/user.ts'
import { limits } from './limits.ts'
import { IdSchema, TimeSchema } from './values.ts'

const userOf = ({ user }: { readonly user: string }) => [user]

/** Of `push.db`: those of the journal may be shorter. */
const PushUserSchema = z.object({ ...pushUser.shape, id: IdSchema, lastVisit: TimeSchema.optional() })

const article = IdSchema

export const pushMethods = {
  push_put_users: {
    summary: 'keeps to what addresses, in which time zone and segment users can be sent pushes; all or none',
    reads: false,
    access: 'admin',
    params: z.object({ users: z.array(PushUserSchema).min(1).max(limits.catalogueItems) }),
  },
  push_opt_out: {
    summary: 'has a user get no more pushes, or with optedOut=false get them again',
    reads: false,
    access: userOf,
    params: z.object({ user: IdSchema, optedOut: z.boolean().default(true) }),
  },
  push_click: {
    summary: 'keeps that a user clicked on the push of an article, or on the one of the id `send`',
    reads: false,
    access: userOf,
    params: z
      .object({
        user: IdSchema,
        article: article.optional(),
        send: z.string().max(limits.idLength).optional(),
        /** Default: now. */
        time: TimeSchema.optional(),
      })
      .refine(
        ({ article, send }) => (article === undefined) !== (send === undefined),
        'expected article or send, and not both',
      ),
  },
  push_pause: {
    summary: 'hands over no more pushes, or with an article none of it, until push_resume',
    reads: false,
    access: 'admin',
    params: z.object({ article: article.optional() }),
  },
  push_resume: {
    summary: 'goes on with pushes, or with those of an article',
    reads: false,
    access: 'admin',
    params: z.object({ article: article.optional() }),
  },
  push_dry_run: {
    summary: 'decides and records everything and sends nothing, or with on=false sends again',
    reads: false,
    access: 'admin',
    params: z.object({ on: z.boolean().default(true) }),
  },
  push_status: {
    summary: 'whether pushes are paused, and campaigns with their counts, newest first',
    reads: true,
    access: 'admin',
    params: z.object({
      limit: z.int().min(1).max(limits.pushCampaigns).default(20),
      /** The last one of the page before. */
      before: article.optional(),
      /** What an id or a title has. */
      text: z.string().max(limits.idLength).optional(),
      state: z.enum(['open', 'paused', 'stopped', 'over', 'dry']).optional(),
      /** Whether pushes that were imported are among them. */
      imported: z.boolean().default(false),
      /** Whether sends of the last seven days are counted by sender, state and reason. */
      reasons: z.boolean().default(false),
    }),
  },
  push_why: {
    summary: 'why a user got, gets or did not get the push of an article',
    reads: true,
    access: 'admin',
    params: z.object({ user: IdSchema, article }),
  },
  push_test: {
    summary:
      'sends a push of an article to users who look at it first: marked, beside their weekly one, also before it is pushed',
    reads: false,
    access: 'admin',
    params: z.object({
      article,
      users: z.array(IdSchema).min(1).max(limits.pushTestUsers),
      /** Which of the titles. */
      title: z.int().min(0).max(99).default(0),
      /** Another title in its place. */
      text: z.string().min(1).max(1024).optional(),
    }),
  },
  push_decisions: {
    summary: 'which articles were pushed and why, and why campaigns have stopped; newest first',
    reads: true,
    access: 'admin',
    params: z.object({
      article: article.optional(),
      limit: z.int().min(1).max(limits.pushCampaigns).default(20),
      /** `number` of the last one of the page before. */
      before: z.int().min(1).optional(),
    }),
  },
  push_analysis: {
    summary:
      'what came of the pushes of the last days: lifts and users brought back with intervals, by article and more',
    reads: true,
    access: 'admin',
    params: z.object({
      days: z.int().min(1).max(limits.pushAnalysisDays).default(7),
      /** Articles at most: those pushed last. */
      limit: z.int().min(1).max(limits.pushCampaigns).default(20),
    }),
  },
  push_report: {
    summary: 'counts of the pushes of campaigns by title and round, newest first, to be analysed',
    reads: true,
    access: 'admin',
    params: z.object({
      /** Of this one alone. */
      article: article.optional(),
      limit: z.int().min(1).max(limits.pushCampaigns).default(20),
      before: article.optional(),
    }),
  },
} as const

/** What each of them gives. Times are ms since 1970. */
export interface PushResults {
  readonly push_put_users: { readonly users: number }
  readonly push_opt_out: { readonly user: string; readonly optedOut: boolean }
  readonly push_click: {
    /** `not-sent`: kept, though it is not known that the push went out. `unknown-send`: nothing is kept. `test`: it does not count. */
    readonly status: 'recorded' | 'duplicate' | 'not-sent' | 'unknown-send' | 'test'
  }
  readonly push_pause: { readonly paused: true }
  readonly push_resume: { readonly paused: false }
  readonly push_dry_run: { readonly dryRun: boolean }
  readonly push_status: PushStatus
  readonly push_why: {
    readonly user: string
    readonly campaign: string
    /** Whether the push went out; absent where that is not known, or not yet. */
    readonly got?: boolean | undefined
    /** What decided, each with a `code` and what it rests on. */
    readonly reasons: readonly { readonly code: string }[]
  }
  readonly push_test: {
    readonly sends: readonly { readonly id: string; readonly user: string }[]
    readonly refused: readonly { readonly user: string; readonly reason: string }[]
  }
  readonly push_decisions: {
    readonly decisions: readonly {
      readonly number: number
      readonly article: string
      readonly time: number
      readonly kind: 'select' | 'stop'
      /** Of `select`: whether it is pushed, the lift that is expected with its interval, and what moved it by how much. */
      readonly decision?: object
      /** Of `stop`. */
      readonly reason?: string
    }[]
  }
  /** As of some seconds ago at most, longer where it takes long. */
  readonly push_analysis: PushAnalysis
  readonly push_report: { readonly campaigns: readonly CampaignReport[] }
}

export interface PushStatus extends CampaignTotals {
  /** Since when all pushes are paused, if they are. */
  readonly pausedSince?: number | undefined
  readonly isDryRun: boolean
  /** Users whom the ledger knows. */
  readonly users: number
  readonly campaigns: readonly CampaignStatus[]
  /** Sends of campaigns of the last seven days by sender, state and reason, where that was asked for. */
  readonly sends?: readonly SendsByReason[] | undefined
}
