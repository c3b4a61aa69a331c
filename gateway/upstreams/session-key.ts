/** Which session, of whom. */
export interface SessionKey {
  readonly userId: string;
  readonly sessionId: string;
}
