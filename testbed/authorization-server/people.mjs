// Who can log in, and how well: shared by the server, which asks, and the client, which plays the user's browser.

export const PASSWORD = 'urn:example:pwd';
export const MFA = 'urn:example:mfa';

/** `code` stands for what a second device would show. */
export const PEOPLE = {
  alice: { password: 'correct horse', code: '314159' },
  bob: { password: 'battery staple', code: '271828' },
};
