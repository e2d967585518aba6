#!/usr/bin/env bash
# Makes the encrypted files of this folder anew from its plain ones, with the real sops and age-keygen, which must be in PATH:
#   go install github.com/getsops/sops/v3/cmd/sops@v3.13.3
#   go install filippo.io/age/cmd/age-keygen@v1.3.1
# Tests read what it made and never run it. The keys are of these tests alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export SOPS_AGE_KEY_FILE=$PWD/one.key SOPS_CONFIG=/dev/null
for name in one two; do
    [[ -s $name.key ]] || age-keygen -o $name.key
done
one=$(age-keygen -y one.key)
two=$(age-keygen -y two.key)

# encrypt PLAIN ENCRYPTED OPTIONS...
encrypt() {
    local plain=$1 encrypted=$2
    shift 2
    sops encrypt "$@" --filename-override "$encrypted" "$plain" >"$encrypted"
}

data=(--encrypted-regex '^(data|stringData)$')
encrypt secret.plain.yaml secret.enc.yaml --age "$one" "${data[@]}"
encrypt types.plain.yaml types.enc.yaml --age "$one"
encrypt multi.plain.yaml multi.enc.yaml --age "$one" "${data[@]}"
encrypt types.plain.json types.enc.json --age "$one"
encrypt app.plain.env app.enc.env --age "$one"
encrypt bytes.plain.bin bytes.enc.bin --age "$one" --input-type binary --output-type binary
encrypt values.plain.yaml values.enc.yaml --age "$one"
encrypt database.plain.yaml database.enc.yaml --age "$one" --encrypted-regex '^password$'
encrypt secret.plain.yaml both.enc.yaml --age "$one,$two" "${data[@]}"
encrypt secret.plain.yaml other.enc.yaml --age "$two" "${data[@]}"
encrypt types.plain.yaml suffix.enc.yaml --age "$one" --encrypted-suffix _secret
encrypt secret.plain.yaml rotated.enc.yaml --age "$one" "${data[@]}"
sops rotate --in-place --add-age "$two" rotated.enc.yaml
encrypt secret.plain.yaml set.enc.yaml --age "$one" "${data[@]}"
sops set set.enc.yaml '["stringData"]["password"]' '"another one"'

config=$(mktemp)
printf 'creation_rules:\n- shamir_threshold: 2\n  key_groups:\n  - age: [%s]\n  - age: [%s]\n' "$one" "$two" >"$config"
sops --config "$config" encrypt "${data[@]}" --filename-override groups.enc.yaml secret.plain.yaml >groups.enc.yaml
printf 'creation_rules:\n- age: %s\n  mac_only_encrypted: true\n  encrypted_regex: ^(data|stringData)$\n' "$one" >"$config"
sops --config "$config" encrypt --filename-override mac.enc.yaml secret.plain.yaml >mac.enc.yaml
printf 'creation_rules:\n- age: %s\n  mac_only_encrypted: true\n  encrypted_regex: ^password$\n' "$one" >"$config"
sops --config "$config" encrypt --filename-override database-mac.enc.yaml database.plain.yaml >database-mac.enc.yaml
rm "$config"

# What sops itself makes of them.
for file in types.enc.yaml types.enc.json app.enc.env; do
    sops decrypt "$file" >"${file/.enc./.dec.}"
done
