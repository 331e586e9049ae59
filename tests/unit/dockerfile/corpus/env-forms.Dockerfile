FROM busybox
ENV OLD form with  blanks
ENV ONE=1 TWO="two words" THREE='single $quoted' FOUR=a\ b
ENV NESTED=${ONE:-${TWO}} EMPTY=
ENV PATH=/opt/bin:$PATH
