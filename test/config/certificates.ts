/** A certificate for localhost that signs itself, good for a hundred years; for tests only. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBgDCCASWgAwIBAgIUNUNXphjJ3iE8S2SKrxIGOULtgr0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzAwMTIyNFoYDzIxMjYxMDMw
MDAxMjI0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQMEVWJWnYAeJswQkiPQWTTAHMlZbMd9XvTPJZeh4V+xjbARMq1ks/i
zhTOhhYR7fxJ+9uRnoJhdyIKA9ujbT+go1MwUTAdBgNVHQ4EFgQUnRXaC3D8ZX0n
EL8nQ1c0gLRzkrMwHwYDVR0jBBgwFoAUnRXaC3D8ZX0nEL8nQ1c0gLRzkrMwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA5X4yBe2ZBUtsXtB6YHgR
O7CpLb45CYdismQ8pAxzZkkCIQCbFXrSxDGAL7pIBmOsyWxnzqYkx6xBUGfVFMDs
GlRciQ==
-----END CERTIFICATE-----
`

/** Its private key. */
export const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpA6gQS7NTHemlaFq
/K6Bki/mdSGDE7kE30CNFMpxcgGhRANCAAQMEVWJWnYAeJswQkiPQWTTAHMlZbMd
9XvTPJZeh4V+xjbARMq1ks/izhTOhhYR7fxJ+9uRnoJhdyIKA9ujbT+g
-----END PRIVATE KEY-----
`

/** The private key of something else. */
export const otherKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLlA7tkfUravvZcvk
Hw1iTAr4IZdEz+TQ6NgPi5lNrc+hRANCAASPL1p7iSxC+8NjOh9f0PpEawHruuzX
Nai3E+YTU1IcXEo1ts7JLSVPboL0Dso6uSZez85USag0G/vcsmGJA0dr
-----END PRIVATE KEY-----
`
