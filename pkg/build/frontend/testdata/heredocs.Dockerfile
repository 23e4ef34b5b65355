FROM base
ENV A=1
RUN <<EOF
echo $A
EOF
RUN <<-SCRIPT
	#!/usr/bin/env python3
	print(1)
SCRIPT
RUN cat <<ONE && cat <<TWO
one
ONE
two
TWO
COPY <<FILE <<'RAW' /dir/
expanded $A
FILE
not expanded $A
RAW
