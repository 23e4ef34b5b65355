package hygiene

import (
	"bytes"
	"regexp"
)

// tokenKind is one kind of secret that can be told by its form.
type tokenKind struct {
	name    string // with its article
	anchors []string
	pattern *regexp.Regexp
}

// in gives the offset of a secret of this kind in text, -1 when there is none. The anchors are words that every secret of the kind has:
// looking for them costs far less than the pattern.
func (k tokenKind) in(text []byte) int {
	for _, anchor := range k.anchors {
		if !bytes.Contains(text, []byte(anchor)) {
			continue
		}
		for _, found := range k.pattern.FindAllIndex(text, 64) {
			if !example(text[found[0]:found[1]]) {
				return found[0]
			}
		}
		return -1
	}
	return -1
}

// example reports whether a secret is one of those that documentation uses.
func example(secret []byte) bool {
	upper := bytes.ToUpper(secret)
	for _, word := range []string{"EXAMPLE", "XXXXXX", "000000000", "1234567890ABCDEF", "YOUR_", "PLACEHOLDER", "CHANGEME"} {
		if bytes.Contains(upper, []byte(word)) {
			return true
		}
	}
	return false
}

// tokenKinds are the kinds of secrets that are known by their form.
func tokenKinds() []tokenKind {
	kind := func(name, pattern string, anchors ...string) tokenKind {
		return tokenKind{name, anchors, regexp.MustCompile(pattern)}
	}
	return []tokenKind{
		// At least a line of the key has to follow: documentation and programs hold the first line alone.
		kind("a private key", `-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\r?\n|\\n)(?:[A-Za-z-]+: [^\n]*\r?\n|\r?\n)*[A-Za-z0-9+/]{40}`, "PRIVATE KEY"),
		kind("an access key of AWS", `\b(?:AKIA|ASIA)[A-Z2-7]{16}\b`, "AKIA", "ASIA"),
		kind("a secret key of AWS", `(?i)aws_?secret_?access_?key["']?\s*[:=]\s*["']?[A-Za-z0-9/+]{40}\b`, "aws_secret", "AWS_SECRET", "secretAccessKey", "SecretAccessKey"),
		kind("a service account key of Google Cloud", `"private_key_id"\s*:\s*"[0-9a-f]{40}"`, "private_key_id"),
		kind("an API key of Google", `\bAIza[0-9A-Za-z_-]{35}\b`, "AIza"),
		kind("a storage key of Azure", `AccountKey=[A-Za-z0-9+/]{86}==`, "AccountKey="),
		kind("a token of GitHub", `\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,100})\b`, "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
		kind("a token of GitLab", `\bgl(?:pat|dt|rt|cbt)-[0-9A-Za-z_-]{20,}`, "glpat-", "gldt-", "glrt-", "glcbt-"),
		kind("a token of npm", `\bnpm_[A-Za-z0-9]{36}\b`, "npm_"),
		kind("a token of PyPI", `\bpypi-AgE[0-9A-Za-z_-]{50,}`, "pypi-AgE"),
		kind("a token of Docker Hub", `\bdckr_pat_[0-9A-Za-z_-]{20,}`, "dckr_pat_"),
		kind("a token of Slack", `\bxox[abprs]-[0-9A-Za-z-]{20,}`, "xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"),
		kind("a key of Stripe", `\b[rs]k_live_[0-9A-Za-z]{20,}`, "sk_live_", "rk_live_"),
		kind("a key of SendGrid", `\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}\b`, "SG."),
		kind("a token of Hugging Face", `\bhf_[A-Za-z]{34}\b`, "hf_"),
		kind("a token of HashiCorp Vault", `\bhvs\.[0-9A-Za-z_-]{90,}`, "hvs."),
		kind("a token of DigitalOcean", `\bdo[por]_v1_[0-9a-f]{64}\b`, "dop_v1_", "doo_v1_", "dor_v1_"),
	}
}
